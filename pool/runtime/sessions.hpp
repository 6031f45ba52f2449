// Calls in sessions: the store before and after, the pool in between.
//
//     call ── read arguments ── session made or used (store) ── worker ── completed (store) ──
//     reply
//                                     │ list, describe, remove: the host answers
//                                     └ execute: the program's record goes along
//
// Thread-safe. Nothing is locked here; each step is one operation of the store.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "ordeal/pool/options.hpp"
#include "ordeal/pool/session.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/session_text.hpp"
#include "pool/store/session_store.hpp"

namespace ordeal::pool::runtime {

class Sessions {
 public:
  // The store that the options ask for. Errors: store_unavailable, store_version_unsupported.
  [[nodiscard]] static Result<std::unique_ptr<store::SessionStore>> open_store(
      const Options& options);

  Sessions(std::shared_ptr<Engine> engine, std::unique_ptr<store::SessionStore> store);

  Result<Reply> call(std::string_view session, std::string_view command, JsonText arguments,
                     const CallOptions& options);
  // The store; used_after_fork in a fork.
  [[nodiscard]] Result<store::SessionStore*> store() const;
  // Makes the session if it is not there; now and then sweeps what has expired.
  Result<void> ensure(std::string_view session);
  // Its worker is no more its own.
  void end(std::string_view session) { engine_->end_session(session); }

 private:
  struct Call;
  Result<Reply> answer(const Call& call);
  Result<Reply> execute(const Call& call);
  Result<Reply> create(const Call& call);
  Result<Reply> create_again(const Call& call, JsonText arguments);
  Result<Reply> plain(const Call& call);
  Result<Reply> run(const Call& call, std::string_view record, store::ProgramChange::Kind kind);
  Result<std::optional<store::Program>> program_of(const Call& call);

  const std::shared_ptr<Engine> engine_;
  const std::unique_ptr<store::SessionStore> store_;
  std::atomic<std::int64_t> swept_at_ns_;
};

}  // namespace ordeal::pool::runtime

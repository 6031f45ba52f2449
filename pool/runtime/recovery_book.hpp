// What a Recovery is made of: its active recoveries, each on its way through at most one call or
// one job, and the ledger that says who is still active.
//
//     handle ─▶ begin (ledger) ─▶ a call in the first or the second pool ─▶ conclude ─▶ callback
//                             └─▶ a job on the callback thread ────────────▲
//
// Everything that comes back carries its key; what comes for a recovery that has ended is dropped
// there. Lock order: mutex_ is never held while a pool or anything of the user's is called.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "ordeal/pool/recovery.hpp"
#include "pool/core/recovery_ledger.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/sessions.hpp"

namespace ordeal::pool::runtime {

class RecoveryBook : public std::enable_shared_from_this<RecoveryBook> {
 public:
  using Key = core::RecoveryLedger::Key;

  // A pool, as far as a recovery calls it.
  struct Caller {
    std::shared_ptr<Engine> engine;      // null: there is no such pool
    std::shared_ptr<Sessions> sessions;  // for requests of a session
  };
  RecoveryBook(Caller pool, Caller spare, RecoveryOptions options);

  Result<RecoveryId> handle(const Error& error, RecoveryRequest request,
                            Recovery::Callback callback);
  bool cancel(RecoveryId id);
  void close();  // cancels all, refuses more, waits for the callbacks unless that could never end
  [[nodiscard]] RecoveryStatistics statistics() const;
  [[nodiscard]] bool is_forked_copy() const { return engine_->is_forked_copy(); }

 private:
  // One recovery, from handle() to the end of its callback.
  struct Case {
    Key key;
    Error cause;
    RecoveryRequest request;
    RecoveryPlan plan;
    Recovery::Callback callback;
    Instant deadline{};
    std::string session;  // request.context.session is a view of it
    std::string circuit;  // that was broken for it
    // Of the call that runs for it, once that is known: gives it up.
    std::function<void()> give_up;
    bool calls = false;  // a call runs, or is about to
    bool handler_runs = false;
    bool cancelled = false;
  };

  [[nodiscard]] RecoveryPlan plan_of(const Error& error, const RecoveryRequest& request) const;
  void begin(Key key, const Caller& by, std::optional<RetryPolicy> retry);
  [[nodiscard]] static Result<std::function<void()>> call(const Caller& by,
                                                          const RecoveryRequest& request,
                                                          const CallOptions& options,
                                                          const Pool::Callback& ended);
  void run_job(Key key);
  void break_circuit(Case& active) const;
  [[nodiscard]] Result<Reply> answer_of_handler(const Case& active) const;
  void conclude(Key key, Result<Reply> reply);
  [[nodiscard]] static RecoveryOutcome outcome_of(const Case& active, const Result<Reply>& reply);
  void deliver(const std::shared_ptr<Case>& ended, RecoveryResult result);
  void note_delivered();
  void tell(std::string_view what, const Case& active, Duration duration);
  [[nodiscard]] static RecoveryId id_of(Key key) {
    return RecoveryId{key.generation} << 32 | key.index;
  }
  [[nodiscard]] static Key key_of(RecoveryId id) {
    return {static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32)};
  }

  const Caller pool_;
  const std::shared_ptr<Engine> engine_;  // the pool's
  const Caller spare_;
  const RecoveryOptions options_;

  mutable std::mutex mutex_;
  core::RecoveryLedger ledger_;               // guarded by mutex_, as all below it
  std::vector<std::shared_ptr<Case>> cases_;  // by Key::index
  std::uint64_t undelivered_ = 0;             // callbacks that have not run to their end
  bool closed_ = false;
  WakeWord delivered_;
};

}  // namespace ordeal::pool::runtime

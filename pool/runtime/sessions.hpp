// Calls in sessions: the store before and after, the pool in between.
//
//     call ── read arguments ── prepare (store) ── worker ── conclude (store) ── reply
//                                  │ list, describe, remove: the host answers
//                                  └ execute: the program's record goes along
//
// A blocking call does all of it on its caller's thread, on a worker of the pool or of a lease. An
// asynchronous one (session_async.cpp) uses the store on a thread of this class, the clerk, so that
// neither its caller nor the pool's callback thread ever waits for a file.
//
// Invariants: an accepted asynchronous call gets its callback exactly once, on the pool's callback
// thread, also on stop. Nothing waits for the store beyond the call's deadline. No lock is held
// over a step; each step is one operation of the store. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "ordeal/pool/options.hpp"
#include "ordeal/pool/pool.hpp"
#include "ordeal/pool/session.hpp"
#include "pool/runtime/callback_thread.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/session_text.hpp"
#include "pool/runtime/session_ticket.hpp"
#include "pool/store/session_store.hpp"

namespace ordeal::pool::runtime {

class Sessions {
 public:
  // The store that the options ask for. Errors: store_unavailable, store_version_unsupported.
  [[nodiscard]] static Result<std::unique_ptr<store::SessionStore>> open_store(
      const Options& options);

  Sessions(std::shared_ptr<Engine> engine, std::unique_ptr<store::SessionStore> store);

  Result<Reply> call(std::string_view session, std::string_view command, JsonText arguments,
                     const CallOptions& options) {
    return call_on(nullptr, session, command, arguments, options);
  }
  Result<Reply> call_on_lease(LeaseState& lease, std::string_view session, std::string_view command,
                              JsonText arguments, const CallOptions& options);
  Result<std::shared_ptr<SessionTicket>> call_async(std::string_view session,
                                                    std::string_view command, JsonText arguments,
                                                    const CallOptions& options,
                                                    Pool::Callback callback);
  // A worker for calls of this session alone. The session is not used by it, only by calls.
  Result<std::unique_ptr<LeaseState>> checkout(std::string_view session, const CallOptions& options,
                                               Place place);
  // Waits until every asynchronous call has had its callback; close() also lets no more in. After
  // the engine's stop, and not on one of the pool's own threads.
  void drain();
  void close();

  // The store; used_after_fork in a fork.
  [[nodiscard]] Result<store::SessionStore*> store() const;
  [[nodiscard]] Instant until(const Deadline& deadline, Instant at = now()) const;
  // Makes the session if it is not there; now and then sweeps what has expired.
  Result<void> ensure(std::string_view session, Instant until);
  // Its worker is no more its own.
  void end(std::string_view session) { engine_->end_session(session); }

 private:
  struct Call;
  struct AsyncCall;
  // What the host has made of a call before a worker is asked.
  struct Prepared {
    std::optional<Reply> answer;  // the host's own: no worker is asked
    std::string arguments;        // else what a worker is sent; empty: what the caller gave
    Arguments known = Arguments::unchecked;
    store::ProgramChange::Kind change = store::ProgramChange::Kind::none;  // by a success

    [[nodiscard]] JsonText sent(const Call& call) const;
  };

  // session_steps.cpp
  void sweep_now_and_then(Instant until);
  [[nodiscard]] Result<void> check(const Call& call) const;
  [[nodiscard]] Result<void> prepare_plain(const Call& call);
  Result<Prepared> prepare(const Call& call);
  Result<Prepared> prepare_known(const Call& call);
  void count(const Call& call, store::ProgramChange::Kind change);
  Result<Reply> conclude(const Call& call, store::ProgramChange::Kind change, Result<Reply> reply);
  Result<Reply> answer(const Call& call);
  Result<std::optional<store::Program>> program_of(const Call& call);

  // sessions.cpp. Without a lease: by whichever worker.
  Result<Reply> call_on(LeaseState* lease, std::string_view session, std::string_view command,
                        JsonText arguments, const CallOptions& options);
  Result<Reply> call_plain(std::string_view session, std::string_view command, JsonText arguments,
                           const CallOptions& options, Instant at, Instant deadline);
  // All others: by the steps of session_steps.cpp.
  Result<Reply> call_in_steps(const Call& call, LeaseState* lease);
  Result<Reply> send(const Call& call, LeaseState* lease, JsonText arguments,
                     Arguments known = Arguments::unchecked);
  Result<Reply> create_again(const Call& call, JsonText arguments);
  Result<Reply> create_again_on(LeaseState& lease, const Call& call, JsonText arguments);

  // session_async.cpp
  CallbackThread& clerk();
  void begin(const std::shared_ptr<AsyncCall>& async);
  void submit(const std::shared_ptr<AsyncCall>& async, Prepared prepared);
  void deliver(const std::shared_ptr<AsyncCall>& async, Result<Reply> result);
  void note_delivered();

  const std::shared_ptr<Engine> engine_;
  const std::unique_ptr<store::SessionStore> store_;
  const bool store_in_memory_;
  std::atomic<std::int64_t> swept_at_ns_;

  std::mutex mutex_;                       // guards the next three
  std::unique_ptr<CallbackThread> clerk_;  // from the first asynchronous call on
  std::uint64_t undelivered_ = 0;
  bool closed_ = false;
  WakeWord delivered_;
};

// One call, while it is being made: views into what its caller, or an AsyncCall, holds.
struct Sessions::Call {
  std::string_view session;
  std::string_view command;
  JsonText arguments;
  const CallOptions& options;  // the caller's; but the session is the one above,
  Instant until;               // and this the deadline
  const SessionCommand* known;
  SessionArguments read;

  // Whether the host has something to do for it. Without a program's name there is nothing: a
  // worker says so.
  [[nodiscard]] bool has_meaning() const {
    return known != nullptr && (known->meaning == SessionMeaning::list || read.has_program);
  }
  [[nodiscard]] bool creates() const {
    return has_meaning() && known->meaning == SessionMeaning::create;
  }
  // With the session, and the deadline as it is: no step, nor the retry of a create, begins it
  // anew.
  [[nodiscard]] CallOptions settled_options() const;
  // For the engine: with what is known of the arguments that are sent.
  [[nodiscard]] Prior prior(Arguments sent) const {
    return {
        .known = sent, .adds_session = !read.has_session, .session = session, .deadline = until};
  }
};

inline JsonText Sessions::Prepared::sent(const Call& call) const {
  return arguments.empty() ? call.arguments : JsonText{arguments};
}

}  // namespace ordeal::pool::runtime

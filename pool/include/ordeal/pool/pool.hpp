// The reference pool: Python (or any) worker processes behind one call.
//
//     auto pool = ordeal::pool::Pool::start({.command = {"python3", "bridge.py"}});
//     auto reply = pool->call("echo", JsonText{R"({"x": 1})"}, {.deadline = 2s});
//     if (reply) use(reply->result_text); else log(reply.error().message);
//
// Thread safety: every member may be called from any thread at any time, except that destruction
// and assignment need the usual exclusive access.
//
// Which thread runs what: a blocking call does its own writing and reading on the calling thread.
// Callbacks of call_async and sinks run on the pool's one callback thread, never under the lock,
// exactly once, also on stop; one that throws is contained. In a callback: call_async, cancel,
// status and subscribe are legal; call, checkout and stop return `would_deadlock`.
//
// A guest in somebody's process: installs no signal handler, changes no disposition, reaps only
// its own children, survives SIGPIPE at default, blocks all signals in its own threads. After the
// host's fork(), use in the child is `used_after_fork`, and the child's destructor kills nothing.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/breaker.hpp"
#include "ordeal/pool/call.hpp"
#include "ordeal/pool/diagnosis.hpp"
#include "ordeal/pool/error.hpp"
#include "ordeal/pool/events.hpp"
#include "ordeal/pool/options.hpp"
#include "ordeal/pool/place.hpp"
#include "ordeal/pool/program.hpp"
#include "ordeal/pool/status.hpp"

namespace ordeal::pool {

namespace runtime {
class Engine;
class Sessions;
struct LeaseState;
struct SessionTicket;
}  // namespace runtime

class Session;  // session.hpp

// A handle on an asynchronous call. Copyable; dropping it changes nothing.
class Ticket {
 public:
  Ticket() = default;
  // Gives up. The callback still runs exactly once, with `cancelled`, `cancelled_in_flight` or,
  // if that came first, the outcome. No effect afterwards, nor after the pool is gone.
  void cancel() const;
  // As in PoolEvent::request. Of a call in a session: 0 while the session's store is asked.
  [[nodiscard]] std::uint64_t id() const;

 private:
  friend class Pool;
  friend class Session;
  Ticket(std::weak_ptr<runtime::Engine> engine, std::uint32_t index, std::uint64_t serial)
      : engine_(std::move(engine)), index_(index), serial_(serial) {}
  std::weak_ptr<runtime::Engine> engine_;
  std::uint32_t index_ = 0;
  std::uint64_t serial_ = 0;
  explicit Ticket(std::shared_ptr<runtime::SessionTicket> in_session)
      : in_session_(std::move(in_session)) {}
  std::shared_ptr<runtime::SessionTicket> in_session_;  // then all above is empty
};

// A worker held for several calls in a row. Move-only; gives the worker back when destroyed.
// After a call on it failed with anything but `application_error` or a caller's mistake, the lease
// is broken: further calls return the same code at once.
// A lease of a session (Session::checkout) makes its calls in that session, and refuses another's;
// on any other a call may say its session, as in Pool::call.
class Lease {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();
  Result<Reply> call(std::string_view command, JsonText arguments, const CallOptions& options = {});
  Result<Reply> call(std::string_view command, const nlohmann::json& arguments,
                     const CallOptions& options = {});
  [[nodiscard]] std::uint64_t worker() const;
  void release();  // early; idempotent

 private:
  friend class Pool;
  friend class Session;
  explicit Lease(std::unique_ptr<runtime::LeaseState> state);
  std::unique_ptr<runtime::LeaseState> state_;
};

class Pool {
 public:
  using Callback = std::function<void(Result<Reply>)>;

  // Validates the options, starts the warden and the workers, and waits for what
  // options.await_ready says. Errors: invalid_option, not_built_yet; spawn_failed, start_exited,
  // start_timeout, handshake_failed, protocol_unsupported once start_failures_max starts in a row
  // have failed; store_unavailable, store_version_unsupported. On error nothing is left behind.
  // `sinks` see every event from the first worker's spawning on, until the pool has stopped (also
  // those of a start that fails); subscribe() only what comes after it.
  [[nodiscard]] static Result<Pool> start(Options options, std::vector<Sink> sinks = {});

  Pool(Pool&&) noexcept;
  Pool& operator=(Pool&&) noexcept;
  ~Pool();  // stop(options.stop_grace)

  // Blocks until the outcome is known, at the latest at the deadline. Every ErrorCode of a request
  // may come back (error.hpp's table says for each whether it may have happened).
  //
  // `configure_lm` (session_commands(), SessionMeaning::configure) is for all workers: when one has
  // answered it with a success, the others are replaced, as by roll(), by workers that answer it
  // before they serve, and so is every later one's start. Errors also as of roll(). By call_async
  // the callback does not wait for the replacing. On a lease it is that worker's alone. What it
  // says is kept in memory, and is in no event, log or store.
  Result<Reply> call(std::string_view command, JsonText arguments, const CallOptions& options = {});
  Result<Reply> call(std::string_view command, const nlohmann::json& arguments,
                     const CallOptions& options = {});

  // Returns at once. The callback gets exactly what call() would have returned. A caller's mistake
  // is returned here, and the callback is then not run. `options.stop_token` works as in call().
  // With options.session it is Session::call_async, as call() is Session::call.
  Result<Ticket> call_async(std::string_view command, JsonText arguments,
                            const CallOptions& options, Callback callback);

  // Takes a worker out of the pool. The deadline covers the waiting. `place` is what is told of a
  // lease that is held for longer than Options::lease_limit; by default, where this is called.
  // With options.session it is Session::checkout.
  Result<Lease> checkout(const CallOptions& options = {}, Place place = Place::here());

  // A handle on the session of that name; makes nothing yet. call() with options.session is the
  // same as session(id).call().
  [[nodiscard]] Session session(std::string id) const;

  // The circuit of that key, to look at and to set by hand. Makes nothing yet.
  [[nodiscard]] Breaker breaker(std::string key) const;

  // --- Operations: no request fails for them. Those with a deadline order at once and then wait
  // until it is done; a deadline that passes (operation_timeout) takes nothing back. Also
  // pool_stopping, and would_deadlock in a callback.

  // Keeps so many workers from now on. Waits until they serve, and what is surplus has left.
  Result<void> resize(std::uint32_t size, const Deadline& deadline = {});
  // Nobody is given a worker any more: who comes waits, as queue_max and its deadline allow; what
  // runs goes on.
  Result<void> pause();
  // Ends a pause, or a drain.
  Result<void> resume();
  // Lets nobody in any more (pool_draining), until resume(). Waits until all who were in have their
  // outcome. Ends a pause.
  Result<void> drain(const Deadline& deadline = {});
  // Replaces this worker (WorkerStatus::worker): another is started, and when it is ready this one
  // gets no more requests, and leaves. Waits until it has. worker_not_found if it does not serve.
  Result<void> drain_worker(std::uint64_t worker, const Deadline& deadline = {});
  // Replaces all workers by workers of this program, one after the other
  // (Options::replace_parallel_max), the first as a trial. The first that does not get ready, or
  // ends before it has served anybody, takes it all back: roll_failed, with how it ended.
  // roll_in_progress while another is under way.
  Result<void> roll(WorkerProgram program, const Deadline& deadline = {});

  [[nodiscard]] Status status() const;
  // What goes on inside, and, with options.stacks, where busy workers are in their code (asked of
  // them by a signal that they have a handler for; waits at most stacks_wait, and not at all in a
  // callback). explain() puts it into one sentence.
  [[nodiscard]] Diagnosis diagnose(const DiagnosisOptions& options = {}) const;
  [[nodiscard]] const Options& options() const;

  // No new work; waiters get pool_stopping; running requests may finish within `grace`, then
  // their workers are killed. Returns when no worker is left and every callback has run.
  // Idempotent; a second, concurrent stop can only shorten the grace.
  Result<void> stop(std::chrono::milliseconds grace);

  [[nodiscard]] Subscription subscribe(Sink sink);

 private:
  friend class Recovery;
  Pool(std::shared_ptr<runtime::Engine> engine, std::shared_ptr<runtime::Sessions> sessions);
  std::shared_ptr<runtime::Engine> engine_;
  std::shared_ptr<runtime::Sessions> sessions_;
};

}  // namespace ordeal::pool

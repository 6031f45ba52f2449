// The hub of a pool: the core under its one lock, and what its decisions need to reach.
//
// Whoever has an event feeds it: under the lock the core handles it and its actions are drained in
// order. Grants and resolutions are written to the ticket's slot at once and wake that ticket's
// thread alone, after unlocking; work on processes goes to the housekeeper's inbox; events and
// callbacks go to the callback thread. So actions take effect in the core's order whichever
// threads feed it.
//
// Lock order: engine -> callback queue. Nothing of the user's runs under either.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ordeal/pool/pool.hpp"
#include "pool/core/core.hpp"
#include "pool/process/fork_guard.hpp"
#include "pool/runtime/breaker_keys.hpp"
#include "pool/runtime/brief_mutex.hpp"
#include "pool/runtime/callback_thread.hpp"
#include "pool/runtime/exchange_outcome.hpp"
#include "pool/runtime/recorder.hpp"
#include "pool/runtime/session_numbers.hpp"
#include "pool/runtime/spin.hpp"
#include "pool/runtime/ticket_table.hpp"
#include "pool/runtime/worker_record.hpp"

namespace ordeal::pool::runtime {

class Housekeeper;

// A worker is to be asked where it is in its code (stack_asking.cpp).
struct StackAsk {
  core::WorkerId worker;
  std::chrono::milliseconds wait{};
};

// What is known of a request's arguments before the engine sees them.
enum class Arguments : bool {
  unchecked,
  an_object  // JSON, to the last byte
};

// What others have done for a call before the engine sees it.
struct Prior {
  Arguments known = Arguments::unchecked;
  bool adds_session = false;  // RequestView's
  std::optional<Instant> submitted_at;
  // Instead of what the options say: those need not be copied to change it. The store has seen that
  // it is UTF-8.
  std::string_view session;
  std::optional<Instant> deadline;

  [[nodiscard]] std::string_view session_of(const CallOptions& options) const {
    return session.empty() ? options.session : session;
  }
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Engine>> start(Options options,
                                                             std::vector<Sink> sinks);
  explicit Engine(Options options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // --- the public face (call.cpp, async.cpp, lease.cpp, stop.cpp, status.cpp) ---
  Result<Reply> call(std::string_view command, JsonText arguments, const CallOptions& options,
                     const Prior& prior = {});
  Result<core::TicketId> call_async(std::string_view command, JsonText arguments,
                                    const CallOptions& options, Pool::Callback callback,
                                    FollowUp follow_up = {}, const Prior& prior = {});
  // The caller's mistakes that call_async returns at once.
  [[nodiscard]] Result<void> check_async(std::string_view command, JsonText arguments,
                                         const CallOptions& options, const Prior& prior = {}) const;
  Result<std::unique_ptr<LeaseState>> checkout(const CallOptions& options, Place place);
  Result<Reply> call_on_lease(LeaseState& lease, std::string_view command, JsonText arguments,
                              const CallOptions& options, const Prior& prior = {});
  void release_lease(LeaseState& lease);
  void cancel(core::TicketId ticket);
  // Its binding ends, unless a call of it is open.
  void end_session(std::string_view session);
  Result<void> stop(std::chrono::milliseconds grace);
  // Stops for good: afterwards no thread of the pool is left, so that whoever drops the last
  // reference (a lease, a ticket, on whatever thread) destroys nothing but memory.
  void retire(std::chrono::milliseconds grace);
  // operations.cpp
  Result<void> resize(std::uint32_t size, const Deadline& deadline);
  Result<void> set_admission(core::Admission admission);
  Result<void> drain(const Deadline& deadline);
  Result<void> drain_worker(std::uint64_t serial, const Deadline& deadline);
  Result<void> roll(WorkerProgram program, const Deadline& deadline);
  // configuring.cpp
  Result<Reply> configure(std::string_view command, JsonText arguments, const CallOptions& options);
  Result<core::TicketId> configure_async(std::string_view command, JsonText arguments,
                                         const CallOptions& options, Pool::Callback callback);
  [[nodiscard]] Diagnosis diagnose(const DiagnosisOptions& options);
  [[nodiscard]] WorkerProgram program_of(std::uint64_t generation) const;
  [[nodiscard]] bool changes_settings_alone(std::uint64_t generation) const;
  [[nodiscard]] Status status() const;
  // The key of the circuit that guards such a call; empty: none does.
  [[nodiscard]] std::string_view breaker_key_of(std::string_view command,
                                                std::string_view given) const;
  Result<void> order_circuit(std::string_view key, core::CircuitOrder order);
  [[nodiscard]] Result<BreakerStatus> breaker_status(std::string_view key) const;
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] Subscription subscribe(Sink sink);
  // For what is built on a pool (recovery.cpp): its callback thread, and its sinks. run_callback
  // runs the job here if it may not be posted any more, or if this is the callback thread.
  void run_callback(std::function<void()> job);
  void post_callback(std::function<void()> job);
  [[nodiscard]] bool on_callback_thread() const { return callbacks_.is_current(); }
  void tell_sinks(PoolEvent event);
  // Its threads are gone, or about to go: a callback of it may never run.
  [[nodiscard]] bool is_retired() const { return callbacks_.is_finishing(); }
  // True in a process that is a fork of the one that made the pool.
  [[nodiscard]] bool is_forked_copy() const { return fork_guard_.in_forked_child(); }

  // --- for the housekeeper ---
  void feed(const core::Event& event);
  struct Inbox {
    std::vector<core::Action> actions;
    std::vector<TicketSlot*> async_grants;
    std::vector<StackAsk> stack_asks;
  };
  // Takes what was decided for the housekeeper, and says when the core's next timer is due.
  Instant take_inbox(Inbox& inbox);
  [[nodiscard]] WorkerRecord* worker(core::WorkerId id);
  void adopt_worker(std::unique_ptr<WorkerRecord> record);  // before its first event
  void discard_worker(core::WorkerId id);                   // on Forget
  void note_start_failure(Error error);                     // before feeding the failure
  void note_certificate(WorkerRecord& record, std::shared_ptr<const DeathCertificate> certificate);
  void note_template(const TemplateStatus& status);
  void note_stacks(std::uint64_t worker, std::string stacks, std::string no_stacks);
  void tell(PoolEvent event);  // to the sinks, of what the core does not decide
  // With log_payloads alone: what this exchange sent and got. Before the exchange is ended.
  void tell_payloads(const TicketSlot& slot, std::string_view arguments,
                     const ExchangeOutcome& outcome);
  [[nodiscard]] bool stopping() const;
  void note_progress(WorkerRecord& record, std::string text);
  // With log_payloads alone: an exchange of an asynchronous call. Before the exchange is ended.
  void note_exchange(const TicketSlot& slot, const ExchangeOutcome& outcome);
  void finish_async(TicketSlot& slot, ExchangeOutcome outcome);
  [[nodiscard]] bool stopped() const { return stopped_.load(std::memory_order_acquire); }

 private:
  // The slots to wake once the lock is released, and one exchange to begin before that.
  class WakeList {
   public:
    void add(WakeWord& sleeper);
    void add_progress(WakeWord& progress) { progress_ = &progress; }
    // Its phase becomes `granted` in notify_all(), once the request is in the worker's pipe. One at
    // most; returns false for a second.
    [[nodiscard]] bool begin(TicketSlot& slot);
    void notify_all();

   private:
    TicketSlot* begun_ = nullptr;
    void notify_begun();

    std::array<WakeWord*, 16> sleepers_{};
    std::size_t count_ = 0;
    std::vector<WakeWord*> more_;
    WakeWord* progress_ = nullptr;
  };

  // Feeds under the lock; `self` is the slot of the calling thread, which needs no waking.
  void feed_locked(Instant at, const core::Event& event, WakeList& wakes, TicketSlot* self);
  void drain_actions(WakeList& wakes, TicketSlot* self);
  void perform(const core::Action& action, WakeList& wakes, TicketSlot* self);
  [[nodiscard]] static bool may_be_begun(const TicketSlot& slot);
  void perform_grant(const core::action::Grant& grant, WakeList& wakes, TicketSlot* self);
  void perform_resolve(const core::action::Resolve& resolve, WakeList& wakes, TicketSlot* self);
  void perform_pause(const core::action::Pause& pause);
  void keep_certificate(TicketSlot& slot, core::WorkerId worker);
  void perform_interrupt(const core::action::Interrupt& interrupt);
  void perform_emit(const core::action::Emit& emit);
  void hand_to_housekeeper(const core::Action& action);
  void kick_housekeeper_if_earlier();

  // diagnosis.cpp
  [[nodiscard]] RequestSight sight_of(const core::TicketView& ticket, Instant at) const;
  void see_requests(Diagnosis& diagnosis, Instant at) const;
  void see_starts(Diagnosis& diagnosis, Instant at) const;
  void look_at_processes(Diagnosis& diagnosis);
  void gather_stacks(Diagnosis& diagnosis, const DiagnosisOptions& options);
  void await_stacks(WorkerSight& sight, std::uint64_t serial);
  [[nodiscard]] std::optional<Error> refuse_operation() const;
  Result<void> await_operation(const Deadline& deadline, std::string_view what,
                               const std::function<std::optional<Result<void>>()>& look);
  enum class RollOf : bool {
    program,  // whatever it has imported is imported anew
    settings  // the program is the one before, but for its start calls
  };
  Result<std::uint64_t> begin_roll(WorkerProgram program, RollOf what = RollOf::program);
  Result<void> await_roll(std::uint64_t generation, const Deadline& deadline);
  [[nodiscard]] WorkerProgram settled(const StartCall& call) const;
  [[nodiscard]] Error roll_error(const core::OperationsView& view) const;
  [[nodiscard]] std::optional<Error> refuse(const CallOptions& options, bool blocking) const {
    return refuse(options, options.session, blocking);
  }
  [[nodiscard]] std::optional<Error> refuse(const CallOptions& options, std::string_view session,
                                            bool blocking) const;
  [[nodiscard]] Result<void> check_request(std::string_view command, JsonText arguments,
                                           const CallOptions& options, const Prior& prior) const;
  [[nodiscard]] RetryPolicy policy_of(const CallOptions& options) const {
    return options.retry.value_or(default_retry_);
  }
  // breakers.cpp. The first three under the lock.
  [[nodiscard]] core::CircuitId circuit_of(std::string_view command, const CallOptions& options,
                                           Instant at);
  [[nodiscard]] Result<core::CircuitId> find_circuit(std::string_view key, Instant at);
  [[nodiscard]] std::vector<BreakerStatus> breakers_locked(Instant at) const;
  [[nodiscard]] std::optional<Error> check_breaker_key(std::string_view key) const;
  [[nodiscard]] bool is_callers_fault(const ExchangeOutcome& outcome) const;
  [[nodiscard]] core::event::ExchangeEnded as_event(const ExchangeOutcome& outcome,
                                                    core::TicketId ticket) const;
  TicketSlot& submit(TicketSlot::Kind kind, std::string_view command, const CallOptions& options,
                     std::string_view session, Instant at, Instant deadline, Place place = {},
                     const RequestView* request = nullptr);
  TicketSlot& reserve_async(const CallOptions& options, std::unique_ptr<AsyncCall> async);
  void cancel_async(TicketSlot& slot, const AsyncCall& call);
  void leave_lease_call(TicketSlot& slot);
  void interrupt_lease(TicketSlot& slot);
  [[nodiscard]] Instant deadline_of(const CallOptions& options, Instant at,
                                    const Prior& prior = {}) const;
  [[nodiscard]] AffinityPolicy affinity_of(const CallOptions& options,
                                           std::string_view session) const;
  // These: under the lock.
  [[nodiscard]] core::event::Submitted submission(TicketSlot& slot, const CallOptions& options,
                                                  std::string_view session, Instant deadline);
  [[nodiscard]] WorkerRecord* find_worker(core::WorkerId id) const;
  void give_back(TicketSlot& slot, const core::event::ExchangeEnded& ended, Instant at,
                 WakeList& wakes);
  void cancel_locked(core::TicketId id, Instant at, WakeList& wakes);
  void cancel_if_stopped(const CallOptions& options, core::TicketId id, Instant at,
                         WakeList& wakes);
  TicketSlot::Phase await_decision(TicketSlot& slot, Instant deadline);
  void end_exchange(TicketSlot& slot, const ExchangeOutcome& outcome, Instant at);
  [[nodiscard]] std::optional<Reply> end_call(TicketSlot& slot, ExchangeOutcome& outcome,
                                              Instant granted_at);
  void release(TicketSlot& slot);
  Result<void> await_ready();
  void deliver(TicketSlot& slot);
  [[nodiscard]] Error error_of(const TicketSlot& slot, const ExchangeOutcome& outcome) const;
  [[nodiscard]] Result<Reply> result_of(TicketSlot& slot, ExchangeOutcome&& outcome,
                                        Instant granted_at, Instant ended_at) const;
  [[nodiscard]] static Reply reply_of(const TicketSlot& slot, ExchangeOutcome& outcome,
                                      Instant granted_at, Instant ended_at);

  const Options options_;
  const RetryPolicy default_retry_;
  const process::ForkGuard fork_guard_;
  Spinner spinner_;

  mutable BriefMutex mutex_;
  core::Core core_;  // guarded by mutex_, as all below it
  TicketTable tickets_;
  SessionNumbers sessions_;
  std::vector<std::unique_ptr<WorkerRecord>> workers_;  // by WorkerId::index
  Inbox inbox_;
  std::vector<core::TicketId> idle_leases_lost_;
  std::optional<Error> last_start_failure_;
  std::deque<std::shared_ptr<const DeathCertificate>> deaths_;  // the last ones
  TemplateStatus template_;
  Instant last_fed_at_{};  // the core's time never runs backwards
  Instant housekeeper_wakes_at_ = core::never;
  Recorder recorder_;
  BreakerKeys breaker_keys_;
  std::map<std::uint64_t, WorkerProgram> programs_;  // by generation
  std::uint64_t settings_generation_ = 0;            // the last rolled for settings alone
  std::uint32_t operations_awaited_ = 0;
  std::mutex configuring_;  // one at a time; taken before mutex_
  struct Stacks {
    bool answered = false;
    std::string stacks;
    std::string no_stacks;
    void clear() { *this = {}; }
  };
  std::map<std::uint64_t, Stacks> stacks_;  // that were asked for, by worker

  WakeWord progress_;  // something changed that start() or stop() waits for
  std::atomic<bool> stopped_{false};
  std::mutex finish_mutex_;
  bool finished_ = false;

  CallbackThread callbacks_;
  // By the event that is being handled: closed between events. Guarded by mutex_.
  CallbackThread::EventWriter told_{callbacks_};
  std::vector<std::shared_ptr<void>> start_sinks_;  // subscribed for the pool's whole life
  std::unique_ptr<Housekeeper> housekeeper_;
};

}  // namespace ordeal::pool::runtime

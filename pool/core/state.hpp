// What Core is made of. Internal: only core/*.cpp include it.
//
// Reading order: core.cpp (dispatch, what follows each event), admission.cpp (tickets until their
// grant, and their outcome), sessions.cpp (which worker a session's requests go to), guarding.cpp
// (circuits), protecting.cpp (overload), ejecting.cpp
// (workers that stand out), exchange.cpp (how an exchange ends), workers.cpp (a
// worker's way), probing.cpp (its health), watching.cpp (busy or
// stuck), starts.cpp (when to start one, failures, the circuit),
// replacing.cpp (one worker in another's place), rolling.cpp (all of them, of another program),
// stopping.cpp, invariants.cpp.
//
// Every handler leaves the tables consistent and then settle() draws the consequences: who waits
// gets what is free, what is missing is started. So no handler needs to know the others.
#pragma once

#include <cstdint>
#include <vector>

#include "pool/core/action_ring.hpp"
#include "pool/core/admission_queue.hpp"
#include "pool/core/affinity.hpp"
#include "pool/core/breakers.hpp"
#include "pool/core/codel.hpp"
#include "pool/core/core.hpp"
#include "pool/core/health.hpp"
#include "pool/core/random.hpp"
#include "pool/core/records.hpp"
#include "pool/core/retry_budget.hpp"
#include "pool/core/timer_queue.hpp"
#include "pool/core/wait_estimate.hpp"
#include "pool/core/worker_recovery.hpp"

namespace ordeal::pool::core {

class Core::State {
 public:
  State(const CoreOptions& options, std::uint64_t seed);

  void handle(Instant now, const Event& event);  // core.cpp
  // invariants.cpp
  [[nodiscard]] const char* broken_invariant() const;
  [[nodiscard]] std::vector<WorkerView> views() const;
  [[nodiscard]] const Worker* find(WorkerId id) const;
  [[nodiscard]] std::vector<CircuitView> circuit_views(Instant now) const;  // guarding.cpp
  [[nodiscard]] bool circuit_idle(std::uint32_t index, Instant now) const {
    return breakers_.idle(index, now);
  }

  [[nodiscard]] OperationsView operations() const;  // rolling.cpp
  // sights.cpp
  [[nodiscard]] std::vector<TicketView> ticket_views() const;
  [[nodiscard]] std::vector<TimerView> timer_views() const;

  const CoreOptions options;
  Counters counters;
  ActionRing actions;
  TimerQueue timers;
  bool emit = false;
  bool stopping = false;
  bool circuit_open = false;

 private:
  // core.cpp
  void on(const event::Opened&);
  void on(const event::TimePassed&) {}
  void expire();
  void on_timer(const TimerQueue::Due& due);
  void settle();
  void serve_waiters();
  void tell(const action::Emit& what);
  // As tell(), of what happens to each request: `fill(emit)` adds to it, if anybody listens.
  template <typename Fill>
  void tell_often(Occurrence what, const Fill& fill) {
    if (!emit) return;
    auto& told = actions.push<action::Emit>();
    told.what = what;
    fill(told);
  }

  // admission.cpp
  void on(const event::Submitted& e);
  void on(const event::CancelRequested& e);
  void on_queue_deadline(std::uint32_t index);
  Ticket& admit(const event::Submitted& e);
  void leave_queue(Ticket& ticket);
  void grant(Ticket& ticket, Worker& worker);
  void wait_in_line(Ticket& ticket);
  void requeue(Ticket& ticket);
  void resolve(Ticket& ticket, ErrorCode code);
  void resolve_all_waiters(ErrorCode code);
  void interrupt(Ticket& ticket, InterruptReason reason);
  [[nodiscard]] Ticket* find(TicketId id);

  // sessions.cpp
  void on(const event::SessionEnded& e);
  void join_session(Ticket& ticket, const event::Submitted& e);
  void leave_session(Ticket& ticket);
  void wait_again(Ticket& ticket);
  [[nodiscard]] bool insists(const Ticket& ticket) const;
  [[nodiscard]] bool has_to_wait_for_its_worker(const Ticket& ticket) const;
  [[nodiscard]] bool has_lost_its_state(const Ticket& ticket) const;
  [[nodiscard]] Worker* worker_for(const Ticket& ticket);
  [[nodiscard]] Worker* available_for_anybody();
  [[nodiscard]] Worker* available_for_newly_bound();
  void enter_lane(Ticket& ticket);
  void on_affinity_wait(std::uint32_t index);
  Affinity::Bound bind(const Ticket& ticket, const Worker& worker);
  void lose_bindings(const Worker& worker);
  void leave_lane(WorkerId worker, std::uint32_t session);
  void expire_bindings();
  void forget_session(const Affinity::Forgotten& forgotten, Occurrence why, std::uint64_t& counter);
  void tell_forgotten();
  void plan_binding_expiry();
  [[nodiscard]] static std::uint32_t lane_of(WorkerId worker) { return 1 + worker.index; }

  // retrying.cpp
  enum class Retryable : bool {
    no,
    yes
  };
  void fail(Ticket& ticket, ErrorCode code, Retryable retryable, Duration retry_after);
  void fail(Ticket& ticket, ErrorCode code);
  void turn_away(Ticket& ticket, ErrorCode code);
  void give_up_waiting(Ticket& ticket, ErrorCode why);
  [[nodiscard]] bool pause(Ticket& ticket, ErrorCode code, Duration retry_after);
  void tell_exhausted(const Ticket& ticket, ErrorCode code, RetryStop why);
  void on_retry_pause(std::uint32_t index);
  void resolve_all_paused(ErrorCode code);
  void allow_retries(Ticket& ticket, const RetryPolicy& policy);
  void take_back_attempt(Ticket& ticket);
  [[nodiscard]] bool has_room() const;

  // guarding.cpp
  void on(const event::CircuitOrdered& e);
  void guard(Ticket& ticket, CircuitId circuit);
  [[nodiscard]] ErrorCode ask_breaker(const Ticket& ticket);
  [[nodiscard]] bool take_permit(Ticket& ticket);
  void return_permit(Ticket& ticket, ErrorCode code);
  void leave_breaker(Ticket& ticket, ErrorCode code);
  [[nodiscard]] Duration breaker_wait(const Ticket& ticket);
  void note_changes(Breakers::Record& record, bool by_hand = false);
  void on_half_open_expiry(std::uint32_t index);
  void refuse_waiters();
  void forget_half_open_timers();

  // protecting.cpp
  [[nodiscard]] Duration lateness(const Ticket& ticket) const;
  void note_held(const Slot& slot);
  [[nodiscard]] bool shed(Ticket& ticket);
  void note_answer(const Ticket& ticket, const Slot& slot);
  void watch_lease(Ticket& ticket);
  void on_lease_limit(std::uint32_t index);

  // ejecting.cpp
  void note_performance(Worker& worker, const Slot& slot, bool failed);
  void on_outlier_sweep();
  void eject(Worker& worker, OutlierReason why);
  void readmit(Worker& worker);
  void readmit_if_too_few();
  void end_ejection(Worker& worker);
  [[nodiscard]] static bool is_in(const Worker& worker) {
    return worker.in_service() && !worker.withdrawn && !worker.ejected &&
           worker.lifecycle.health() != Health::unhealthy;
  }

  // exchange.cpp
  void on(const event::ExchangeEnded& e);
  void on(const event::LateReplyDrained& e);
  void on_replied(Ticket& ticket, const event::ExchangeEnded& e);
  void on_violated(Ticket& ticket, const event::ExchangeEnded& e);
  void on_lost(Ticket& ticket, const event::ExchangeEnded& e);
  void on_given_up(Ticket& ticket, const event::ExchangeEnded& e);
  void await_exit(Ticket& ticket);
  void note_owing(Worker& worker, WorkerFailure failure);
  void quarantine(Worker& worker, std::uint32_t slot);
  void on_certificate(std::uint32_t index);
  void on_stream_grace(Worker& worker);
  void on_quarantine_grace(Worker& worker, std::uint32_t slot);
  [[nodiscard]] ErrorCode loss_code(const Ticket& ticket, const Worker& worker) const;

  // workers.cpp
  void on(const event::WorkerReady& e);
  void on(const event::WorkerFaulted& e);
  void on(const event::WorkerExited& e);
  [[nodiscard]] Worker* find(WorkerId id);
  [[nodiscard]] Worker& holder(const Ticket& ticket);
  void move_to(Worker& worker, WorkerState to, TransitionReason reason);
  void retire(Worker& worker, TransitionReason reason, Blame blame);
  void kill(Worker& worker, KillSignal signal, KillReason reason);
  void on(const event::StacksDumped& e);
  void kill_dumped(Worker& worker);
  void discard(Worker& worker, TransitionReason why, Blame blame, KillReason reason);
  void recover(Worker& worker, WorkerFailure failure);
  void free_slot(Worker& worker, std::uint32_t slot);
  void drop_quarantines(Worker& worker);
  void note_lost(Worker& worker, Blame blame);
  void refresh(Worker& worker);
  void forget_if_done(Worker& worker);
  void ask_to_stop(Worker& worker, TransitionReason reason);
  void on_leave_overdue(Worker& worker, Timer which);
  void make_available(Worker& worker);
  void make_unavailable(Worker& worker);
  void note_wanted(const Worker& worker);
  void plan_overflow_idle();
  void on_overflow_idle();

  // probing.cpp
  void on(const event::ProbeEnded& e);
  void watch_health(Worker& worker);
  void on_health_check(Worker& worker);
  void on_probe_timeout(Worker& worker);
  void begin_probe(Worker& worker);
  void probe_passed(Worker& worker);
  void probe_failed(Worker& worker, ErrorCode code);
  void degrade(Worker& worker, const RecoveryRow& row);
  void stop_health(Worker& worker);
  void make_available_again(Worker& worker);
  // watching.cpp
  void on(const event::WorkerLooked& e);
  void look_at_busy(Worker& worker);
  void judge_busy(Worker& worker, const Sign& sign);
  void note_goes_on(Worker& worker);
  [[nodiscard]] bool may_kill(Stuck stuck) const;
  [[nodiscard]] bool may_probe_idle() const;

  // starts.cpp
  void plan_starts();
  void spawn(bool overflow);
  void on_start_timeout(Worker& worker);
  void judge_start(Worker& worker, bool reported);
  void note_start_failed(Worker& worker, ErrorCode code);
  void note_early_death(const Worker& worker);
  void note_start_succeeded();
  void back_off(std::uint32_t failures);
  void update_circuit();
  [[nodiscard]] std::uint32_t failures_in_row() const { return start_failures_ + early_deaths_; }
  [[nodiscard]] std::uint32_t alive() const;  // ready, busy, degraded
  [[nodiscard]] std::uint32_t taken() const { return alive() + starting_; }
  [[nodiscard]] bool may_start() const;
  [[nodiscard]] bool start_needed() const;

  // replacing.cpp
  void on(const event::ResizeOrdered& e);
  void on(const event::ReplaceOrdered& e);
  void on(const event::AdmissionOrdered& e);
  void on(const event::WorkerMeasured& e);
  void plan_retirement(Worker& worker);
  void mark(Worker& worker, TransitionReason why);
  void unmark(Worker& worker);
  void drop_plan(Worker& worker);
  void plan_replacements();
  [[nodiscard]] Worker* first_marked(bool admitted);
  void withdraw(Worker& worker, TransitionReason why);
  void shrink();
  [[nodiscard]] Worker* most_dispensable();
  void give_up_start(Worker& worker, TransitionReason why);
  [[nodiscard]] bool paused() const { return admission_ == Admission::paused; }
  // Of those that are not withdrawn: who count to the size, starting ones included; who serve.
  [[nodiscard]] std::uint32_t staying() const {
    return taken() - withdrawn_ - unwanted_ - (canary_ ? 1 : 0);
  }
  [[nodiscard]] std::uint32_t serving() const {
    return in_state(WorkerState::ready) + in_state(WorkerState::busy) - withdrawn_;
  }
  // How many there should be: those that are about to take another's place come on top.
  [[nodiscard]] std::uint32_t target() const { return size_ + replacing_; }

  // rolling.cpp
  void on(const event::RollOrdered& e);
  [[nodiscard]] bool canary_wanted() const { return roll_to_ != 0 && !roll_settled_ && !canary_; }
  [[nodiscard]] std::uint64_t generation_of_next_start() const {
    return canary_wanted() || roll_settled_ ? roll_to_ : generation_;
  }
  void welcome(Worker& worker);
  [[nodiscard]] bool fails_roll(const Worker& worker) const {
    return roll_to_ != 0 && worker.generation == roll_to_;
  }
  void fail_roll(Worker& culprit, ErrorCode code);
  void advance_roll();
  void end_roll();

  // stopping.cpp
  void on(const event::StopRequested& e);
  void begin_stop();
  void on_stop_grace();
  void finish_stop();

  // invariants.cpp
  [[nodiscard]] const char* check_workers() const;
  [[nodiscard]] const char* check_slots(const Worker& worker) const;
  [[nodiscard]] const char* check_tickets() const;
  [[nodiscard]] const char* check_waiting() const;
  [[nodiscard]] const char* check_lane(std::uint32_t lane) const;
  [[nodiscard]] const char* check_available() const;
  [[nodiscard]] const char* check_health(const Worker& worker) const;
  [[nodiscard]] const char* check_starts() const;
  [[nodiscard]] const char* check_breakers() const;
  [[nodiscard]] const char* check_replacing() const;

  [[nodiscard]] std::uint32_t& in_state(WorkerState state) {
    return state_counts_[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] std::uint32_t in_state(WorkerState state) const {
    return state_counts_[static_cast<std::size_t>(state)];
  }

  Instant now_{};
  Random random_;
  Random retry_random_;  // a stream of its own: retries do not change how starts back off
  Random health_random_;
  RetryBudget retry_budget_;
  Breakers breakers_;
  bool breakers_refuse_ = false;  // one has just opened
  bool opened_ = false;
  bool stopped_ = false;

  std::vector<Ticket> tickets_;
  std::vector<Retries> retries_;  // by ticket index; meaningful with may_retry
  std::vector<Guard> guards_;     // by ticket index; meaningful with guarded
  std::uint64_t last_ticket_serial_ = 0;
  AdmissionQueue queue_;
  std::vector<InSession> in_sessions_;  // by ticket index; meaningful with a session
  Affinity affinity_;
  TimerHandle binding_expiry_;
  std::vector<std::uint32_t> unknown_;  // sessions that may be, within this event
  // Workers that got available, within this event, with somebody waiting in their lanes.
  std::vector<std::uint32_t> wanted_;

  std::vector<Worker> workers_;
  std::vector<std::uint32_t> free_workers_;
  std::uint32_t workers_known_ = 0;  // records in use
  std::uint64_t last_worker_serial_ = 0;
  std::array<std::uint32_t, worker_state_count> state_counts_{};
  std::uint32_t newest_available_ = no_index;  // most recently used first
  std::uint32_t oldest_available_ = no_index;
  TimerHandle overflow_idle_;
  const HealthRules health_rules_;
  std::uint32_t probed_ = 0;  // idle workers that are being pinged

  std::uint32_t size_;  // workers kept
  Admission admission_ = Admission::open;
  Random retire_random_;
  std::uint64_t marks_ = 0;      // ever
  std::uint32_t marked_ = 0;     // workers in service that are; likewise below
  std::uint32_t admitted_ = 0;   // of those
  std::uint32_t replacing_ = 0;  // admitted and not withdrawn
  std::uint32_t withdrawn_ = 0;
  std::uint32_t unwanted_ = 0;    // starts that were given up, and whose end is not known yet
  std::uint64_t generation_ = 1;  // of all workers, but for a roll
  std::uint64_t last_generation_ = 1;
  std::uint64_t roll_to_ = 0;  // 0: no roll is under way
  bool roll_settled_ = false;  // one of its workers has got ready
  WorkerId canary_;            // the first worker of a roll, while it starts
  std::uint64_t failed_generation_ = 0;
  ErrorCode roll_failure_ = ErrorCode::none;
  WorkerId roll_culprit_;

  std::uint32_t starting_ = 0;        // workers with takes_start
  std::uint32_t start_failures_ = 0;  // in a row; a worker that gets ready ends the row
  // Workers in a row that got ready and died before they served anything; one that serves ends it.
  std::uint32_t early_deaths_ = 0;
  std::uint64_t early_death_mark_ = 0;  // only a worker younger than this can lengthen the row
  TimerHandle start_backoff_;

  std::uint32_t ejected_ = 0;
  TimerHandle outlier_sweep_;
  ConcurrencyLimit limit_;
  WaitEstimate wait_estimate_;  // kept with reject_late alone
  const CodelRules codel_rules_;
  Codel codel_;

  Instant stop_at_ = never;
  TimerHandle stop_grace_;
};

}  // namespace ordeal::pool::core

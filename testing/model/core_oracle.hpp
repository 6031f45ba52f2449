// What the core of a pool must do, said a second time and naively: watches every event that a Core
// is given and every action that it answers with, and names the first one that breaks a promise.
//
// It shares no code with the core but the vocabulary (events, actions), and looks into it only
// through counters(), circuits() and start_circuit_open(). The RapidCheck model and the simulator
// use it.
//
// Promises (numbers of behaviour spec, part B, unless named):
//   (1) starting + ready + busy + degraded <= size + overflow; starts_parallel_max at once. (What
//       comes on top while workers are replaced: (1a).)
//  (1a) A worker is withdrawn only for a reason that it has, when `size` others serve that are
//       healthy, and never more than replace_parallel_max at once; then it gets no grant, and
//       leaves without a request in hand. Nobody stays who is to go and is not needed.
//  (1b) Each start is of the generation that it must be: of a roll one alone until that is ready;
//       a roll ends when nobody of another generation is left, or with the first worker of its
//       own that fails to start, or ends without having served anybody.
//  (1c) While the pool is paused nobody is granted; while it drains nobody is let in.
//   (4) A slot is granted to one ticket at a time; each grant has one answer.
//   (5) Grants go to the oldest waiter; never to one that is expired, cancelled or resolved; nobody
//       waits while a worker could take it.
//   (6) Worker serials are never reused.
//   (8) No start before its back-off is over; the circuit is open iff it must be.
//  (10) After a stop nothing is granted or spawned; Stopped is last, and once.
//  (12) No work for a worker with a late reply outstanding.
//  (21, 22) No work for a worker that is pinged or unhealthy. Only idle workers are pinged, never
//       more than half of them, none unless it has been idle for a while, each in time. A worker
//       that fails health_failures_max times in a row is replaced then, and no other is for that.
//  (bug class 10) A worker is killed as stuck if two looks at the same request found it stopped or
//       locked, unchanged and without a report (or, if asked for, without a promised beat); and no
//       other is. A start is given up after a last look that found it not ready. A kill waits for
//       stacks no longer than stack_grace.
//  (bug class 15) Nobody gets an ejected worker; after an ejection no more than their share are
//       out, and enough are in. concurrency_limited is said only with the option, to newcomers.
//  (53) Every ticket has exactly one outcome, the one that its exchange's verdict demands, in time.
//  (38, 39; B5 13, 14, 15) Only what failed in a retryable way pauses, and only with a policy; what
//       a worker may have seen only if it is idempotent. Retries <= max_retries, 0 <= delay <=
//       max_delay; no pause ends after the deadline, none begins after a cancel, a stop or workers
//       enough lost; over the whole run the retries fit the budget.
//  (24-30) A session's request goes to the worker that it is bound to: always (strict), or unless
//  it
//       was busy for affinity_wait (prefer). A binding ends with its worker, when its session was
//       idle for affinity_timeout, and as the oldest idle one of too many; else never. A request
//       that relies on a worker's state gets that worker or session_state_lost. (5, 30) A grant
//       passes no older waiter that this worker may serve.
//  (B4, B5 21) deadline_unreachable is said exactly to whose answer would be late by the mean of
//       what has been; nobody is shed that waited for little, or while others do; each lease that
//       is held for too long is counted once.
//  (31 to 36; B5 1 to 9) Each circuit is in the state, and admits and refuses, as naive_circuit.hpp
//       says; each transition is one event; no retry begins while its circuit is surely open.
//       Counters agree with the tickets; a worker whose exit is known is never signalled.
//
// Use: before(now, event); core.handle_event(...); action(a) for each; after(core). Then error().
// Behind the first broken promise it looks at nothing: what it would expect then means nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pool/core/core.hpp"
#include "testing/model/model_state.hpp"
#include "testing/model/naive_circuit.hpp"

namespace ordeal::trial {

class CoreOracle {
 public:
  explicit CoreOracle(const pool::core::CoreOptions& options)
      : options_(options), size_(options.size) {}

  // How often each promise was asked after; slow. Kept by the caller as long as this is used.
  using Asked = std::unordered_map<const char*, std::uint64_t>;
  void count_into(Asked& asked) { asked_ = &asked; }

  void before(pool::core::Instant now, const pool::core::Event& event);
  void action(const pool::core::Action& action);
  void after(const pool::core::Core& core);
  // Whether all that the core shows of itself, and tells, agrees with what it does. Slow; REQUIRES:
  // it is asked after every event, and the core emits from the first.
  void look_at(const pool::core::Core& core);

  // Empty: no promise was broken. Else a sentence; later ones are not kept.
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] std::size_t open_tickets() const { return open_; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  // What affinity has led to, for "did the walk get anywhere?".
  struct Seen {
    std::uint64_t waited_for_worker = 0;  // got its session's worker after others got theirs
    std::uint64_t passed_ineligible = 0;  // a younger one went elsewhere meanwhile
    std::uint64_t older_went_first = 0;   // a worker's own waiter gave way to an older request
    std::uint64_t state_lost = 0;
    std::uint64_t sessions_forgotten = 0;
  };
  [[nodiscard]] const Seen& seen() const { return seen_; }
  struct Operations {
    std::map<pool::core::TransitionReason, std::uint64_t> withdrawn;  // and why
    std::uint64_t withdrawn_busy = 0;
    std::uint64_t starts_given_up = 0;
    std::uint64_t rolls_finished = 0;
    std::uint64_t rolls_failed_at_once = 0;  // the first worker
    std::uint64_t rolls_failed_later = 0;
    std::uint64_t turned_away = 0;  // draining
    std::uint64_t waited_for_resume = 0;
    void add(const Operations& other);
  };
  [[nodiscard]] const Operations& operations() const { return operations_; }
  [[nodiscard]] NaiveCircuit::Visits breaker_visits() const;
  [[nodiscard]] ModelState state(bool start_circuit_open) const;  // core_oracle_state.cpp

 private:
  enum class Stage : std::uint8_t {
    none,
    waiting,
    running,
    ended,
    pausing
  };
  struct Ticket {
    pool::core::TicketId id;
    Stage stage = Stage::none;
    pool::core::Instant deadline{};
    pool::core::Instant due{};  // ended: its outcome must be known by then
    bool lease = false;
    bool cancelled = false;
    bool interrupted_cancel = false;
    bool interrupted_gone = false;
    pool::core::WorkerId worker;
    std::uint32_t slot = 0;
    std::uint64_t allowed = 0;              // ended: codes, as bits
    pool::core::ExchangeVerdict verdict{};  // likewise
    std::uint32_t attempts = 0;             // grants that were not taken back
    pool::RetryPolicy retry;
    bool idempotent = false;
    bool worker_said_retry = false;      // of the application error that it ended with
    pool::core::Duration retry_after{};  // the same: not before that is over
    bool was_granted = false;
    bool seen = false;         // a worker may have seen it
    bool turned_away = false;  // pauses, and has not been granted since it was last charged
    std::uint32_t retries = 0;
    pool::core::Duration last_delay{};
    std::uint32_t deaths = 0;
    std::uint64_t failures = 0;    // codes of earlier attempts, as bits
    pool::ErrorCode failure{};     // of the last of them
    pool::core::WorkerId seen_by;  // the last that had it, but for those that saw nothing of it
    pool::core::Instant pause_ends{};
    std::uint32_t session = pool::core::no_session;
    pool::AffinityPolicy affinity{};
    std::uint64_t state_in_worker = 0;
    pool::core::Instant waits_since{};
    bool was_passed = false;  // by a younger one, since it waits for its session's worker
    pool::core::CircuitId circuit;
    bool has_permit = false;
    bool neutral = false;  // lost before a byte was written
    std::uint64_t permit = 0;
    pool::core::Instant granted_at{};
    pool::core::Instant taken_at{};  // running: since then
    bool overdue = false;            // a lease that was counted as held for too long
  };
  struct KnownCircuit {
    pool::core::CircuitId id;
    std::optional<NaiveCircuit> naive;
    std::uint64_t told = 0;  // events of its transitions
  };
  // What is known of a session; by its number.
  struct Session {
    bool taken = false;  // its number is, until ForgetSession
    std::uint32_t users = 0;
    bool known = false;             // has been bound, and that is remembered
    pool::core::WorkerId bound_to;  // serial 0: to nobody any more
    pool::core::Instant used_at{};
    std::uint64_t use = 0;  // of two with the same used_at, who was used later
  };
  enum class Use : std::uint8_t {
    free,
    granted,
    dirty
  };
  struct Sight {
    pool::core::Instant at{};
    pool::core::event::WorkerLooked seen;
    std::uint64_t answers = 0;
  };
  struct Worker {
    pool::core::WorkerId id;
    bool starting = false;  // spawned, neither ready nor exited
    bool given_up = false;  // of a starting one: failed already
    bool serving = false;   // ready and not on its way out
    bool served = false;    // has answered somebody
    bool exited = false;
    std::uint64_t generation = 1;
    std::uint64_t answers = 0;
    pool::core::Instant ready_at{};
    bool drain_ordered = false;
    bool measured = false;
    bool withdrawn = false;
    bool surplus = false;   // withdrawn for that
    bool unwanted = false;  // a start that was given up
    bool kill_sent = false;
    pool::core::KillReason kill_reason{};  // of kill_sent
    std::uint32_t holds = 0;  // tickets of which it is the worker, until they are resolved or moved
    std::vector<Use> slots;
    std::vector<pool::core::Instant> taken_at;  // slots that are not free
    std::uint32_t failures = 0;                 // in a row
    bool probed = false;                        // idle, and its answer is awaited: no work
    bool unhealthy = false;
    bool unanswered = false;           // owes the answer to a ping
    pool::core::Instant answer_due{};  // while probed, or unhealthy and pinged
    bool answer_awaited = false;
    pool::core::Instant seen_at{};        // last sign of life
    pool::core::Instant failed_at{};      // unhealthy: its last failure
    bool replace_now = false;             // too many failures, by this event
    pool::core::Instant patient_since{};  // starting: its time began then
    bool look_awaited = false;            // likewise: its time is over
    bool start_is_over = false;           // likewise: and it was looked at
    std::uint32_t extensions = 0;
    bool beats = false;
    bool ejected = false;
    pool::core::Instant ejected_until{};
    std::optional<Sight> sight;  // of the last look, if it had a request then
    bool may_be_stuck = false;   // by this event
    bool must_be_stuck = false;
    std::optional<pool::core::Instant> dump_due;  // its stacks are waited for until then
    pool::core::KillReason dump_reason{};
    pool::core::Performance performance;  // since the workers were last compared
    std::uint32_t ejections = 0;          // in a row
    pool::core::Instant ejected_at{};
    // What is told and shown of it.
    pool::core::WorkerState told{};
    std::uint64_t times_told = 0;
    pool::core::Instant shown_since{};
  };

  void on(const pool::core::event::Opened&);
  void on(const pool::core::event::Submitted& e);
  void on(const pool::core::event::CancelRequested& e);
  void on(const pool::core::event::WorkerReady& e);
  void on(const pool::core::event::WorkerFaulted& e);
  void on(const pool::core::event::WorkerExited& e);
  void on(const pool::core::event::ExchangeEnded& e);
  void on(const pool::core::event::LateReplyDrained& e);
  void on(const pool::core::event::ProbeEnded& e);
  void on(const pool::core::event::WorkerLooked& e);
  void on(const pool::core::event::StacksDumped& e);
  void on(const pool::core::event::SessionEnded& e);
  void on(const pool::core::event::TimePassed&) { time_passed_ = true; }
  void on(const pool::core::event::CircuitOrdered& e);
  void on(const pool::core::event::StopRequested& e);
  void on(const pool::core::event::ResizeOrdered& e);
  void on(const pool::core::event::ReplaceOrdered& e);
  void on(const pool::core::event::AdmissionOrdered& e);
  void on(const pool::core::event::RollOrdered& e);
  void on(const pool::core::event::WorkerMeasured& e);

  void on(const pool::core::action::Spawn& a);
  void on(const pool::core::action::Grant& a);
  void on(const pool::core::action::Resolve& a);
  void on(const pool::core::action::Pause& a);
  [[nodiscard]] std::size_t waiting_at_most() const;
  void end_pauses();
  void end_pause(Ticket& ticket);
  void charge(Ticket& ticket);
  void refund(const Ticket& ticket);
  void check_delay(Ticket& ticket, const pool::core::action::Pause& a);
  void accrue();
  [[nodiscard]] std::int64_t budget_earned() const;
  [[nodiscard]] static pool::ErrorCode give_up_code(const Ticket& ticket, bool timed_out);
  void check_seen(const Ticket& ticket, const pool::core::action::Resolve& a);
  void on(const pool::core::action::Interrupt& a);
  void on(const pool::core::action::Drain& a);
  void on(const pool::core::action::Probe& a);
  void on(const pool::core::action::Look& a);
  void on(const pool::core::action::DumpStacks& a);
  void on(const pool::core::action::Withdraw& a);
  void on(const pool::core::action::Eject& a);
  void on(const pool::core::action::Readmit& a);
  void on(const pool::core::action::AskToStop& a);
  void on(const pool::core::action::SettleGeneration& a);
  void on(const pool::core::action::Kill& a);
  void on(const pool::core::action::Forget& a);
  void on(const pool::core::action::ForgetSession& a);
  void on(const pool::core::action::Emit& a);
  void on(const pool::core::action::Stopped& a);

  // core_oracle_health.cpp
  void fail_overdue_pings();
  void health_failed(Worker& worker);
  void check_health();
  [[nodiscard]] bool is_idle(const Worker& worker) const;
  // core_oracle_watching.cpp
  void see_busy(Worker& worker, const pool::core::event::WorkerLooked& e);
  void condemn(Worker& worker, pool::core::KillReason reason);
  void after_watching();
  struct Share {
    std::uint32_t in = 0;
    std::uint32_t out = 0;
  };
  [[nodiscard]] Share share() const;
  void after_ejections();
  // core_oracle_outliers.cpp
  void note_performance(Worker& worker, const Ticket& ticket,
                        const pool::core::event::ExchangeEnded& e);
  void begin_comparison();
  void check_reason(const Worker& worker, const pool::core::action::Eject& a);
  // core_oracle_views.cpp
  void told(const pool::core::action::Emit& a);
  void told_exhausted(const pool::core::action::Emit& a);
  void look_at_worker(const pool::core::WorkerView& view);
  void look_at_history(const pool::core::Core& core, const pool::core::WorkerView& view);
  void look_at_tickets(const pool::core::Core& core);
  void look_at_circuits(const pool::core::Core& core);
  void look_at_starts(const pool::core::Core& core);
  void look_at_limit(const pool::core::Core& core);        // core_oracle_protection.cpp
  void look_at_comparisons(const pool::core::Core& core);  // core_oracle_outliers.cpp
  // core_oracle_operations.cpp
  void check_spawn(const pool::core::action::Spawn& a);
  [[nodiscard]] bool may_leave_for(const Worker& worker, pool::core::TransitionReason why) const;
  [[nodiscard]] bool must_leave(const Worker& worker) const;
  [[nodiscard]] std::uint32_t healthy() const;
  [[nodiscard]] std::uint32_t leaving() const;
  [[nodiscard]] std::uint32_t ending() const;
  void roll_failed(Worker& culprit);
  void give_up_start(Worker& worker);
  void after_operations(const pool::core::Core& core);
  [[nodiscard]] std::uint32_t staying() const { return taken() - withdrawn_ - unwanted_; }
  [[nodiscard]] std::uint64_t wanted_generation() const {
    return roll_settled_ ? roll_to_ : generation_;
  }
  // core_oracle_protection.cpp
  void note_held(pool::core::Instant since);
  void note_turn(const Ticket& ticket);
  [[nodiscard]] std::size_t slots_for(const Ticket& ticket) const;
  [[nodiscard]] bool would_be_late(const Ticket& ticket, std::size_t slots) const;
  void check_late(const Ticket& ticket);
  void check_shed(const Ticket& ticket);
  void after_protection(const pool::core::Core& core);
  // core_oracle_sessions.cpp
  void expire_sessions();
  void end_use(Ticket& ticket);
  void orphan_sessions(pool::core::WorkerId worker);
  void check_affinity(const Ticket& ticket, const Worker& worker,
                      const pool::core::action::Grant& a);
  void check_order(Ticket& ticket, const Worker& worker);
  [[nodiscard]] bool has_lost_its_state(const Ticket& ticket);
  void after_sessions(const pool::core::Core& core);
  [[nodiscard]] pool::core::WorkerId bound_to(const Ticket& ticket) const;
  [[nodiscard]] bool may_serve(const Worker& worker, const Ticket& ticket) const;
  NaiveCircuit& circuit_of(pool::core::CircuitId id);
  void admitted(Ticket& ticket, std::uint64_t serial);
  void returned(Ticket& ticket, pool::core::Circuit::Outcome outcome);
  void judge(Ticket& ticket, const pool::core::event::ExchangeEnded& e);
  void judge_loss(Ticket& ticket, pool::ErrorCode code);
  [[nodiscard]] bool refused(const Ticket& ticket, pool::ErrorCode code);
  [[nodiscard]] bool may_be_refused(const Ticket& ticket);
  void compare_circuits(const pool::core::Core& core);
  void agree(const char* sentence, std::uint64_t who);

  void expect_answered();
  void ended(Ticket& ticket, const pool::core::event::ExchangeEnded& e);
  void end_wait(Ticket& ticket, pool::ErrorCode code);
  void wait_again(Ticket& ticket);
  void start_failed(Worker& worker);
  void out_of_service(Worker& worker);
  void release(Ticket& ticket);
  void check_loss(const Ticket& ticket, pool::ErrorCode code);
  void check_traits(const Ticket& ticket, pool::ErrorCode code);
  void count(pool::ErrorCode code);
  [[nodiscard]] bool could_take(const Worker& worker) const;
  [[nodiscard]] Ticket* find(pool::core::TicketId id);
  [[nodiscard]] Worker* find(pool::core::WorkerId id);
  [[nodiscard]] std::uint32_t taken() const { return serving_ + starting_; }
  void expect(bool holds, const char* sentence, std::uint64_t who = 0);

  const pool::core::CoreOptions options_;
  pool::core::Instant now_{};
  std::string error_;
  Asked* asked_ = nullptr;

  std::vector<Ticket> tickets_;                     // by index
  std::map<std::uint64_t, std::uint32_t> waiting_;  // serial -> index: the naive FIFO
  std::vector<std::uint32_t> ended_;                // whose outcome is awaited
  std::vector<std::uint32_t> interrupts_due_;       // tickets whose worker has just exited
  std::uint64_t just_submitted_ = 0;
  std::uint64_t just_cancelled_ = 0;
  std::map<std::uint64_t, std::uint32_t> pausing_;  // serial -> index
  std::int64_t budget_ = 0;                         // of retries, in parts of budget_unit, ...
  pool::core::Instant budget_at_{};                 // ... and until then
  std::uint32_t above_middle_ = 0;  // delays with jitter, and where in their range they fell
  std::uint32_t below_middle_ = 0;
  std::size_t open_ = 0;
  std::uint32_t running_ = 0;  // granted or ended, not resolved

  std::vector<KnownCircuit> circuits_;   // by index
  NaiveCircuit::Visits breaker_visits_;  // of those that are known no more
  bool emits_ = false;

  std::optional<pool::core::Duration> held_for_;  // mean, once anything has been
  std::size_t slots_at_submit_ = 0;
  struct Turn {
    pool::core::Instant at{};
    pool::core::Duration waited{};
    bool in_session = false;
  };
  std::vector<Turn> turns_;                      // of the last interval
  std::vector<pool::core::Instant> refused_at_;  // by a breaker, and had not had a worker
  // The adaptive limit, as it was shown last, and what has been since it was another.
  std::optional<std::uint32_t> limit_shown_;
  std::size_t inside_at_submit_ = 0;
  std::size_t inside_max_ = 0;
  std::uint64_t limit_answers_ = 0;
  std::uint64_t limit_misses_ = 0;
  // When the workers are compared next; whether by this event. Of use if it is looked at closely.
  std::optional<pool::core::Instant> comparison_at_;
  pool::core::Instant next_timer_ = pool::core::never;  // of any kind
  bool compares_ = false;
  bool looks_closely_ = false;

  std::uint32_t size_;
  pool::core::Admission admission_{};
  std::uint32_t withdrawn_ = 0;  // and in service still
  std::uint32_t unwanted_ = 0;   // and not known to be gone
  std::uint64_t generation_ = 1;
  std::uint64_t roll_to_ = 0;
  bool roll_settled_ = false;
  bool canary_spawned_ = false;
  bool roll_ever_ = false;
  bool settle_back_due_ = false;
  std::uint64_t went_back_from_ = 0;    // said so within this event
  std::uint64_t failed_newcomers_ = 0;  // generation of the last worker that failed unserved
  bool just_resized_ = false;
  Operations operations_;

  std::vector<Worker> workers_;  // by index
  std::uint32_t known_ = 0;
  std::uint32_t starting_ = 0;
  std::uint32_t serving_ = 0;
  std::uint64_t last_worker_serial_ = 0;
  std::uint32_t failures_in_row_ = 0;
  std::uint32_t unserved_deaths_ = 0;  // since a worker last served for the first time
  pool::core::Instant no_start_before_{};
  bool unavailable_said_ = false;
  bool stopping_ = false;
  pool::core::Instant stop_at_ = pool::core::never;
  bool stopped_ = false;
  static constexpr std::uint32_t vain_wakes_max = 1000;
  bool time_passed_ = false;  // is what this event said
  std::uint32_t vain_wakes_ = 0;
  pool::core::Counters counters_;
  std::map<std::uint32_t, Session> sessions_;
  std::uint64_t uses_ = 0;
  std::vector<pool::core::WorkerId> said_to_be_lost_;  // within this event
  Seen seen_;
};

}  // namespace ordeal::trial

// The pool's whole decision state, without clock, thread or system call: events in, actions out.
//
// Use, in this order and from one thread at a time (the runtime holds its lock around all three):
//     core.handle_event(now, event);
//     while (auto action = core.poll_action()) perform(*action);     // until it is empty
//     arm(core.poll_timeout());   // call handle_event(then, TimePassed{}) at that instant
// `now` never runs backwards. A TimePassed too early or too often is a no-op. Same options, seed
// and events: same actions, byte for byte.
//
// Invariants, checked by check_invariants() (numbers of behaviour spec, part B, unless named):
//   (1) Each worker is in exactly one state; starting + ready + busy + degraded <= size + overflow,
//       those not counted that have been withdrawn, and but for the workers that are about to take
//       another's place (replacing.cpp; at most replace_parallel_max, and one of a roll).
//   (1a) A worker that is replaced serves until `size` others do; at most replace_parallel_max are
//       being replaced at once; none is asked to leave with a request in hand.
//   (4) Every grant is answered by one ExchangeEnded; no slot is in two hands.
//   (5) Work waits only while no worker can take it, or the pool is paused; FIFO among equally
//   eligible requests; an
//       expired or cancelled request never receives a worker.
//       "Eligible": a request of a bound session only on its worker (strict; prefer: until
//       affinity_wait is over), every other on any. A worker takes the oldest that is eligible for
//       it, so that nobody is passed by a younger request for the sake of affinity (30).
//   (6) Worker serials are never reused.
//   (8) Starts that fail back off; with no worker alive and `start_failures_max` failures in a row,
//       waiters and newcomers get `workers_unavailable` until a start succeeds.
//  (10) After StopRequested nothing is granted or spawned; each ticket resolves; Stopped is last.
//  (38) A request pauses and is tried again only if its policy, its deadline, the retry budget and
//       the count of workers that did not survive it allow; and, once it may have reached a worker,
//       only if it is idempotent. Never after an outcome, a cancel, its deadline or a stop.
//  (22) A worker that does not answer a ping is degraded: no work until it answers one; replaced
//       after health_failures_max failures in a row. Never all idle workers are pinged at once.
//  (22b) An ejected worker gets no work; after an ejection at most outliers.share_percent of the
//       healthy workers are out, and never fewer than outliers.healthy_min in while one is out.
//  (22a) A worker is killed as stuck only after two looks at the same request (vigil.hpp); a start
//       is given up only after a look that found it not ready.
//  (32, 33) What an open circuit guards is not granted; of a half-open one at most half_open_max
//       requests run. Each permit comes back when its attempt ends, however it ends.
//  (12) A slot with a late reply outstanding gets no work until the reply is drained.
//       submitted = ok + failed + timed_out + rejected + shed + cancelled
//                 + queued + running + backing_off              (DESIGN, section 3)
//
// submit/grant and check-in allocate nothing once the tables have grown to the load.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "pool/core/action.hpp"
#include "pool/core/concurrency_limit.hpp"
#include "pool/core/event.hpp"
#include "pool/core/lifecycle.hpp"
#include "pool/core/memory_trend.hpp"
#include "pool/core/outliers.hpp"
#include "pool/core/time.hpp"
#include "pool/core/timer_queue.hpp"

namespace ordeal::pool::core {

// Validated by whoever builds it (runtime: options.cpp); the core asserts what it needs.
struct CoreOptions {
  std::uint32_t size = 4;                 // workers kept; >= 1
  std::uint32_t overflow = 0;             // more workers while callers wait
  std::uint32_t queue_max = 1000;         // requests waiting at most
  std::uint32_t starts_parallel_max = 4;  // workers starting at once; >= 1
  std::uint32_t start_failures_max = 3;   // in a row, before waiters get a definite error; >= 1
  std::uint32_t slots_max = 1;            // a worker's declared slots are clamped to this; >= 1
  std::uint32_t history_max = 32;         // lifecycle entries kept for each worker
  Duration start_timeout = std::chrono::seconds{60};
  Duration overflow_idle_timeout = std::chrono::seconds{30};
  Duration quarantine_grace = std::chrono::milliseconds{500};
  Duration ask_grace = std::chrono::seconds{1};        // after AskToStop, before SIGTERM
  Duration terminate_grace = std::chrono::seconds{1};  // after SIGTERM, before SIGKILL
  // How long a caller whose worker's stream was lost waits for the exit to be known; the process is
  // killed after half of it.
  Duration certificate_wait = std::chrono::seconds{1};
  Duration start_backoff_base = std::chrono::milliseconds{100};
  Duration start_backoff_max = std::chrono::seconds{10};
  std::uint32_t poison_deaths_max = 3;      // workers that may not survive one request; >= 1
  std::uint32_t retry_budget_percent = 20;  // retry_budget.hpp says what these three are
  std::uint32_t retry_budget_max = 100;
  std::uint32_t retry_budget_per_second = 10;
  Duration health_interval{};  // idle workers are pinged so often; 0: never, and nothing is counted
  Duration health_timeout = std::chrono::seconds{5};  // for the answer
  std::uint32_t health_failures_max = 3;              // in a row, then it is replaced; >= 1
  StuckKill stuck_kill = StuckKill::proved;           // of those that health_interval finds
  Duration stack_grace{};                  // before such kills, for the stacks; 0: at once
  std::uint32_t start_extensions_max = 0;  // start_timeouts for a start that reports progress
  Duration affinity_wait = std::chrono::milliseconds{100};  // prefer: for the bound worker
  Duration affinity_timeout = std::chrono::minutes{5};      // unused for so long: unbound; > 0
  std::uint32_t affinity_bindings_max = 10'000;             // >= 1
  CircuitOptions breaker;
  std::uint32_t replace_parallel_max = 1;     // workers being replaced at once; >= 1
  std::uint64_t retire_requests = 0;          // a worker is replaced after so many; 0: never
  Duration retire_age{};                      // and when it is so old; 0: never
  std::uint32_t retire_stagger_percent = 25;  // up to so much earlier, drawn for each worker
  MemoryRules retire_memory;
  bool reject_late = false;  // turn away whose answer would come behind its deadline
  Duration shed_target{};    // codel.hpp says what these two are; 0: off
  Duration shed_interval = std::chrono::milliseconds{100};
  LimitRules limit;        // of requests in the pool, adaptive
  OutlierRules outliers;   // workers that stand out from the others get no work for a while
  Duration lease_limit{};  // a lease held for longer is reported; 0: none is

  // For the trace's header: the core's decisions depend on each of these.
  static constexpr auto fields() {
    using O = CoreOptions;
    return std::tuple{field("size", &O::size),
                      field("overflow", &O::overflow),
                      field("queue_max", &O::queue_max),
                      field("starts_parallel_max", &O::starts_parallel_max),
                      field("start_failures_max", &O::start_failures_max),
                      field("slots_max", &O::slots_max),
                      field("history_max", &O::history_max),
                      field("start_timeout", &O::start_timeout),
                      field("overflow_idle_timeout", &O::overflow_idle_timeout),
                      field("quarantine_grace", &O::quarantine_grace),
                      field("ask_grace", &O::ask_grace),
                      field("terminate_grace", &O::terminate_grace),
                      field("certificate_wait", &O::certificate_wait),
                      field("start_backoff_base", &O::start_backoff_base),
                      field("start_backoff_max", &O::start_backoff_max),
                      field("poison_deaths_max", &O::poison_deaths_max),
                      field("retry_budget_percent", &O::retry_budget_percent),
                      field("retry_budget_max", &O::retry_budget_max),
                      field("retry_budget_per_second", &O::retry_budget_per_second),
                      field("health_interval", &O::health_interval),
                      field("health_timeout", &O::health_timeout),
                      field("health_failures_max", &O::health_failures_max),
                      field("stuck_kill", &O::stuck_kill),
                      field("stack_grace", &O::stack_grace),
                      field("start_extensions_max", &O::start_extensions_max),
                      field("affinity_wait", &O::affinity_wait),
                      field("affinity_timeout", &O::affinity_timeout),
                      field("affinity_bindings_max", &O::affinity_bindings_max),
                      field("breaker", &O::breaker),
                      field("replace_parallel_max", &O::replace_parallel_max),
                      field("retire_requests", &O::retire_requests),
                      field("retire_age", &O::retire_age),
                      field("retire_stagger_percent", &O::retire_stagger_percent),
                      field("retire_memory", &O::retire_memory),
                      field("reject_late", &O::reject_late),
                      field("shed_target", &O::shed_target),
                      field("shed_interval", &O::shed_interval),
                      field("limit", &O::limit),
                      field("outliers", &O::outliers),
                      field("lease_limit", &O::lease_limit)};
  }
};

// Cumulative, but for the last group. All monotonic.
struct Counters {
  std::uint64_t submitted = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;     // definite and indeterminate errors with a worker
  std::uint64_t timed_out = 0;  // queue_timeout, call_timeout
  // queue_full, workers_unavailable, pool_stopping, session_state_lost, circuit_open,
  // circuit_half_open_limit, pool_draining, deadline_unreachable, concurrency_limited
  std::uint64_t rejected = 0;
  std::uint64_t shed = 0;  // request_shed
  std::uint64_t cancelled = 0;
  std::uint64_t requeued = 0;
  std::uint64_t retries = 0;  // scheduled
  std::uint64_t spawns = 0;
  std::uint64_t start_failures = 0;
  std::uint64_t workers_lost = 0;      // died or were killed after they had been ready, not by stop
  std::uint64_t workers_recycled = 0;  // withdrawn in favour of another: no loss
  std::uint64_t late_replies_drained = 0;
  std::uint64_t probes = 0;             // pings sent to idle workers
  std::uint64_t probe_failures = 0;     // not answered in time, or with an error
  std::uint64_t workers_recovered = 0;  // were unhealthy, and answered
  std::uint64_t workers_stuck = 0;      // were found stuck with a request
  std::uint64_t ejections = 0;          // of workers that stood out from the others
  // Grants to requests of sessions: on the worker that the session was bound to, or elsewhere.
  std::uint64_t affinity_hits = 0;
  std::uint64_t affinity_misses = 0;
  std::uint64_t affinity_rebinds = 0;     // of the misses: had been bound to another
  std::uint64_t affinity_waits_over = 0;  // prefer: its worker was busy for affinity_wait
  std::uint64_t bindings_expired = 0;
  std::uint64_t bindings_evicted = 0;
  std::uint64_t bindings_lost = 0;   // with their workers
  std::uint64_t leases_overdue = 0;  // were held for longer than lease_limit
  // Now:
  std::uint32_t queued = 0;
  std::uint32_t running = 0;
  std::uint32_t backing_off = 0;
  std::uint32_t bindings = 0;
};

// A worker as the core sees it.
struct WorkerView {
  WorkerId id;
  WorkerState state{};
  Health health{};
  std::uint32_t failures = 0;  // in a row: pings and calls not answered in time
  Instant since{};
  Instant spawned_at{};
  bool overflow = false;
  std::uint32_t slots = 0;
  std::uint32_t slots_running = 0;
  std::uint32_t slots_dirty = 0;
  std::uint64_t served = 0;
  std::uint64_t total_transitions = 0;
  std::uint32_t bindings = 0;  // sessions bound to it
  std::uint64_t generation = 1;
  bool marked = false;            // is to be replaced; serves on until others do
  bool withdrawn = false;         // gets no more requests
  Stuck stuck{};                  // as it was looked at last
  Instant ejected_until = never;  // gets no work until then; never: it is not ejected
  TransitionReason leaves_for{};  // of those two
};

// What operators have ordered, and how far it has come.
struct OperationsView {
  std::uint32_t size = 0;
  Admission admission{};
  std::uint64_t generation = 1;  // of plain starts
  std::uint64_t rolling_to = 0;  // 0: no roll is under way
  // Of the last roll that failed: its generation (0: none has), the code and the worker.
  std::uint64_t failed_generation = 0;
  ErrorCode failure = ErrorCode::none;
  WorkerId failed_worker;
  std::uint32_t start_failures = 0;  // in a row
  std::uint32_t limit = 0;           // of requests in the pool, by now; 0: none
};

// A request that has no outcome yet.
enum class TicketStage : std::uint8_t {
  queued,
  running,
  awaiting_exit,
  backing_off
};
struct TicketView {
  TicketId id;
  TicketStage stage{};
  bool lease = false;
  std::uint32_t attempts = 0;
  std::uint32_t session = no_session;
  CircuitId circuit;
  WorkerId worker;  // that has it; queued: the only one that may have it now
  Instant submitted_at{};
  Instant deadline = never;
};

struct TimerView {
  Timer timer{};
  Instant at{};
  TicketId ticket;
  WorkerId worker;
};

// A circuit as the core sees it. What each number is: ordeal/pool/breaker.hpp.
struct CircuitView {
  CircuitId id;
  CircuitState state{};
  std::uint64_t epoch = 0;  // 1 at first, one more with each transition
  Duration retry_after{};
  std::uint32_t failures = 0;
  std::uint32_t successes = 0;
  std::uint32_t trials = 0;
  std::uint32_t calls = 0;
  std::uint32_t slow = 0;
  std::uint64_t opened = 0;
  std::uint64_t rejected = 0;
  std::uint64_t stale_results = 0;
  std::uint64_t would_have_opened = 0;
};

class Core {
 public:
  Core(const CoreOptions& options, std::uint64_t seed);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // REQUIRES: the first event is Opened, and it comes once.
  void handle_event(Instant now, const Event& event);
  [[nodiscard]] std::optional<Action> poll_action();
  // The same without a copy: null if there is none. Stays what it is until the next handle_event().
  [[nodiscard]] const Action* next_action();
  // The next instant at which TimePassed would do something; may be early, never late.
  [[nodiscard]] std::optional<Instant> poll_timeout() const;

  // Emit actions are made only while somebody listens. Default: off.
  void set_emit(bool enabled);

  [[nodiscard]] const Counters& counters() const;
  [[nodiscard]] std::vector<WorkerView> workers() const;  // by serial; allocates
  [[nodiscard]] std::vector<Lifecycle::Entry> history(WorkerId worker) const;
  // By index, those that were used. Allocates. `now`: for retry_after.
  [[nodiscard]] std::vector<CircuitView> circuits(Instant now) const;
  // Whether the place may be given to another key.
  [[nodiscard]] bool circuit_idle(std::uint32_t index, Instant now) const;
  [[nodiscard]] OperationsView operations() const;
  // For a diagnosis; both allocate. By serial; in the order in which they come due.
  [[nodiscard]] std::vector<TicketView> tickets() const;
  [[nodiscard]] std::vector<TimerView> timers() const;
  [[nodiscard]] bool stopping() const;
  [[nodiscard]] bool start_circuit_open() const;
  // Aborts with a sentence that names what is broken. O(workers + tickets): for tests and the
  // simulator, which call it after each event.
  void check_invariants() const;
  // The same sentence as a value, or null: for tests that shrink what they find.
  [[nodiscard]] const char* broken_invariant() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace ordeal::pool::core

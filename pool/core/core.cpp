// Core: the dispatch of events and timers, and settle(), which draws the consequences of each.
#include "pool/core/core.hpp"

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

namespace {

constexpr std::uint64_t retry_salt = 0x4e77;
constexpr std::uint64_t health_salt = 0x4ea1;
constexpr std::uint64_t breaker_salt = 0xb4ea;
constexpr std::uint64_t retire_salt = 0x4e71;

}  // namespace

Core::State::State(const CoreOptions& given, std::uint64_t seed)
    : options(given),
      random_(seed),
      retry_random_(seed ^ retry_salt),
      health_random_(seed ^ health_salt),
      retry_budget_({.percent = options.retry_budget_percent,
                     .retries_max = options.retry_budget_max,
                     .per_second = options.retry_budget_per_second}),
      breakers_(options.breaker, seed ^ breaker_salt),
      affinity_(options.affinity_timeout, options.affinity_bindings_max),
      health_rules_{.interval = options.health_interval,
                    .timeout = options.health_timeout,
                    .failures_max = options.health_failures_max},
      size_(options.size),
      retire_random_(seed ^ retire_salt),
      limit_(options.limit, 2 * options.size),
      codel_rules_{.target = options.shed_target, .interval = options.shed_interval},
      codel_(codel_rules_) {
  ORDEAL_ASSERT(options.health_failures_max >= 1, "a worker is replaced after some failure");
  ORDEAL_ASSERT(options.size >= 1, "a pool keeps at least one worker");
  ORDEAL_ASSERT(options.starts_parallel_max >= 1, "at least one worker may start at once");
  ORDEAL_ASSERT(options.start_failures_max >= 1, "the start circuit opens after some failure");
  ORDEAL_ASSERT(options.slots_max >= 1, "a worker takes at least one request at once");
  ORDEAL_ASSERT(options.poison_deaths_max >= 1, "a request is refused after some death");
  ORDEAL_ASSERT(options.affinity_timeout > Duration::zero(), "a binding lives for some time");
  ORDEAL_ASSERT(options.affinity_bindings_max >= 1, "some session can be bound");
  ORDEAL_ASSERT(options.history_max >= 1, "a worker's history keeps at least one entry");
  ORDEAL_ASSERT(options.limit.min >= 1, "the limit lets somebody in");
  ORDEAL_ASSERT(options.replace_parallel_max >= 1, "at least one worker may be replaced at once");
}

void Core::State::handle(Instant now, const Event& event) {
  ORDEAL_ASSERT(now >= now_ || !opened_, "time does not run backwards");
  now_ = now;
  ORDEAL_ASSERT(opened_ || std::holds_alternative<event::Opened>(event),
                "the first event is opened");
  // Whatever the fact is, nobody may meet a binding that has expired.
  if (affinity_.next_expiry() <= now_) expire_bindings();
  // The fact first: a worker that is known to be gone must not be signalled by a timer of the same
  // instant. Then time, then what follows: a waiter whose deadline is now gets nothing any more.
  std::visit([this](const auto& e) { on(e); }, event);
  expire();
  settle();
  if (!unknown_.empty()) tell_forgotten();
}

void Core::State::on(const event::Opened&) {
  ORDEAL_ASSERT(!opened_, "a pool is opened once");
  opened_ = true;
}

void Core::State::expire() {
  if (!timers.may_be_due(now_)) return;
  while (const auto due = timers.pop_due(now_)) on_timer(*due);
}

void Core::State::on_timer(const TimerQueue::Due& due) {
  switch (due.timer) {
    case Timer::queue_deadline:
      return on_queue_deadline(due.owner);
    case Timer::affinity_wait:
      return on_affinity_wait(due.owner);
    case Timer::binding_expiry:
      return plan_binding_expiry();  // handle() has expired what was due
    case Timer::retry_pause:
      return on_retry_pause(due.owner);
    case Timer::lease_limit:
      return on_lease_limit(due.owner);
    case Timer::certificate:
      return on_certificate(due.owner);
    case Timer::start_timeout:
      return on_start_timeout(workers_[due.owner]);
    case Timer::stream_grace:
      return on_stream_grace(workers_[due.owner]);
    case Timer::quarantine_grace:
      return on_quarantine_grace(workers_[due.owner], due.part);
    case Timer::health_check:
      return on_health_check(workers_[due.owner]);
    case Timer::probe_timeout:
      return on_probe_timeout(workers_[due.owner]);
    case Timer::stack_grace:
      return kill_dumped(workers_[due.owner]);
    case Timer::ask_grace:
    case Timer::terminate_grace:
      return on_leave_overdue(workers_[due.owner], due.timer);
    case Timer::age_max:
      return mark(workers_[due.owner], TransitionReason::age_max);
    case Timer::ejection:
      return readmit(workers_[due.owner]);
    case Timer::outlier_sweep:
      return on_outlier_sweep();
    case Timer::overflow_idle:
      return on_overflow_idle();
    case Timer::start_backoff:
      return;  // settle() starts what is missing
    case Timer::half_open:
      return on_half_open_expiry(due.owner);
    case Timer::stop_grace:
      return on_stop_grace();
  }
}

void Core::State::settle() {
  if (stopping) return finish_stop();
  update_circuit();
  if (breakers_refuse_) refuse_waiters();
  // Before anybody is served: who leaves gives its waiters back.
  if (marked_ > 0) plan_replacements();
  if (roll_to_ != 0) advance_roll();
  // Behind that: the last one that was in may just have left.
  if (ejected_ > 0) readmit_if_too_few();
  if (!queue_.empty() || !wanted_.empty()) serve_waiters();
  plan_starts();
  plan_overflow_idle();
}

// Oldest first. Of those who wait in lanes only they can be served whose workers have got available
// within this event: all others were served in an earlier one.
void Core::State::serve_waiters() {
  while (newest_available_ != no_index && !paused()) {
    auto oldest = queue_.front();
    for (const std::uint32_t index : wanted_) {
      const Worker& worker = workers_[index];
      const auto head = queue_.front(lane_of(worker.id));
      if (!worker.available || !head) continue;
      if (!oldest || tickets_[*head].id.serial < tickets_[*oldest].id.serial) oldest = head;
    }
    if (!oldest) break;
    Ticket& ticket = tickets_[*oldest];
    if (has_lost_its_state(ticket)) {
      leave_queue(ticket);
      give_up_waiting(ticket, ErrorCode::session_state_lost);
    } else if (Worker* worker = worker_for(ticket)) {
      leave_queue(ticket);
      if (!shed(ticket) && take_permit(ticket)) grant(ticket, *worker);
    } else {  // it was its turn, but for a worker that is busy
      queue_.remove(*oldest);
      enter_lane(ticket);
    }
  }
  wanted_.clear();
}

void Core::State::tell(const action::Emit& what) {
  if (emit) actions.push(what);
}

Core::Core(const CoreOptions& options, std::uint64_t seed)
    : state_(std::make_unique<State>(options, seed)) {}
Core::~Core() = default;

void Core::handle_event(Instant now, const Event& event) { state_->handle(now, event); }
const Action* Core::next_action() { return state_->actions.pop(); }
std::optional<Action> Core::poll_action() {
  const Action* const action = next_action();
  return action == nullptr ? std::nullopt : std::optional{*action};
}
std::optional<Instant> Core::poll_timeout() const { return state_->timers.next(); }
void Core::set_emit(bool enabled) { state_->emit = enabled; }
const Counters& Core::counters() const { return state_->counters; }
std::vector<WorkerView> Core::workers() const { return state_->views(); }
std::vector<CircuitView> Core::circuits(Instant now) const { return state_->circuit_views(now); }
bool Core::circuit_idle(std::uint32_t index, Instant now) const {
  return state_->circuit_idle(index, now);
}
std::vector<TicketView> Core::tickets() const { return state_->ticket_views(); }
std::vector<TimerView> Core::timers() const { return state_->timer_views(); }
OperationsView Core::operations() const { return state_->operations(); }
bool Core::stopping() const { return state_->stopping; }
bool Core::start_circuit_open() const { return state_->circuit_open; }
const char* Core::broken_invariant() const { return state_->broken_invariant(); }
void Core::check_invariants() const {
  const char* sentence = broken_invariant();
  ORDEAL_ASSERT(sentence == nullptr, sentence);
}

std::vector<Lifecycle::Entry> Core::history(WorkerId id) const {
  const State& state = *state_;
  const Worker* worker = state.find(id);
  return worker == nullptr ? std::vector<Lifecycle::Entry>{} : worker->lifecycle.history();
}

}  // namespace ordeal::pool::core

// check_invariants(): every invariant of core.hpp, and that the tables agree with one another.
#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

// Sentences are returned, not asserted on the spot, so that a property test can shrink the walk
// that broke one.
#define INVARIANT(condition, sentence) \
  if (!(condition)) return sentence

namespace ordeal::pool::core {

const char* Core::State::broken_invariant() const {
  for (const auto check : {&State::check_workers, &State::check_tickets, &State::check_waiting,
                           &State::check_available, &State::check_starts, &State::check_breakers}) {
    if (const char* sentence = (this->*check)()) return sentence;
  }
  const Counters& c = counters;
  INVARIANT(c.submitted == c.ok + c.failed + c.timed_out + c.rejected + c.shed + c.cancelled +
                               c.queued + c.running + c.backing_off,
            "identity: each submitted ticket is resolved, queued, running or backing off");
  INVARIANT(!stopped_ || (workers_known_ == 0 && c.queued + c.running + c.backing_off == 0),
            "(10) stopped is last: no worker, no open ticket");
  return nullptr;
}

const char* Core::State::check_workers() const {
  std::array<std::uint32_t, worker_state_count> counts{};
  std::uint32_t known = 0;
  std::uint32_t starting = 0;
  std::uint32_t probed = 0;
  std::uint32_t ejected = 0;
  std::uint32_t in = 0;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const Worker& w = workers_[i];
    if (!w.id) continue;
    const WorkerState state = w.lifecycle.state();
    INVARIANT(w.id.index == i, "a worker stands at its index");
    INVARIANT(w.id.serial <= last_worker_serial_, "(6) worker serials only grow");
    ++known;
    ++counts[static_cast<std::size_t>(state)];
    if (w.takes_start) ++starting;
    INVARIANT(w.exited == (state == WorkerState::terminated),
              "a worker is terminated iff its process is known to be gone");
    INVARIANT(
        !w.takes_start || state == WorkerState::initializing || state == WorkerState::terminating,
        "a start takes its place until ready or exited");
    if (w.probed) ++probed;
    if (w.ejected) ++ejected;
    INVARIANT(!w.ejected || (w.in_service() && !w.available && timers.is_armed(w.ejection_timer)),
              "(22b) an ejected worker is in service, gets no work, and comes back");
    if (is_in(w)) ++in;
    if (const char* sentence = check_slots(w)) return sentence;
    if (const char* sentence = check_health(w)) return sentence;
  }
  INVARIANT(ejected == ejected_, "the count of ejected workers agrees with the workers");
  INVARIANT(stopping || ejected == 0 || in >= options.outliers.healthy_min,
            "(22b) nobody is out while too few are in");
  INVARIANT(probed == probed_, "the count of pinged workers agrees with the workers");
  INVARIANT(counts == state_counts_, "(1) the counts of states agree with the workers");
  INVARIANT(known == workers_known_, "the count of workers agrees with the table");
  INVARIANT(known + free_workers_.size() == workers_.size(), "each record is used or free");
  INVARIANT(starting == starting_, "the count of starts agrees with the workers");
  return check_replacing();
}

const char* Core::State::check_replacing() const {
  std::uint32_t marked = 0;
  std::uint32_t admitted = 0;
  std::uint32_t replacing = 0;
  std::uint32_t withdrawn = 0;
  std::uint32_t unwanted = 0;
  std::uint32_t ending = 0;  // failed starts that keep their place until their end is known
  for (const Worker& w : workers_) {
    if (!w.id) continue;
    marked += w.marked ? 1 : 0;
    admitted += w.admitted ? 1 : 0;
    replacing += w.admitted && !w.withdrawn ? 1 : 0;
    withdrawn += w.withdrawn ? 1 : 0;
    unwanted += w.unwanted && w.takes_start ? 1 : 0;
    ending += !w.unwanted && w.takes_start && w.lifecycle.should_remove() ? 1 : 0;
    INVARIANT(!w.marked || w.in_service(), "(1a) only a worker in service is to be replaced");
    INVARIANT(!w.admitted || w.marked, "(1a) only who is to be replaced is replaced");
    INVARIANT(!w.withdrawn || stopping || w.lifecycle.state() == WorkerState::busy,
              "(1a) a withdrawn worker that has no request leaves");
    INVARIANT(!w.withdrawn || !w.available, "(1a) a withdrawn worker gets no more requests");
    INVARIANT(w.id != canary_ || w.lifecycle.state() == WorkerState::initializing,
              "a roll's first worker starts");
  }
  INVARIANT(marked == marked_ && admitted == admitted_ && replacing == replacing_ &&
                withdrawn == withdrawn_ && unwanted == unwanted_,
            "the counts of workers that are replaced agree with the workers");
  INVARIANT(admitted <= options.replace_parallel_max, "(1a) replace_parallel_max holds");
  INVARIANT(!canary_ || (roll_to_ != 0 && !roll_settled_), "a canary is of an unsettled roll");
  // Those of a roll that was settled while others were being replaced come on top for a while.
  const bool rolled_lately = roll_to_ != 0 || failed_generation_ != 0;
  INVARIANT(staying() - ending <=
                size_ + options.overflow + options.replace_parallel_max + (rolled_lately ? 1 : 0),
            "(1) starting + ready + busy + degraded <= size + overflow, and who takes a place");
  INVARIANT(stopping || replacing_ == 0 || serving() <= size_,
            "(1a) a worker whose place is taken leaves");
  return nullptr;
}

const char* Core::State::check_slots(const Worker& w) const {
  std::array<std::uint32_t, 4> uses{};
  for (std::uint32_t s = 0; s < w.slots.size(); ++s) {
    const Slot& slot = w.slots[s];
    ++uses[static_cast<std::size_t>(slot.use)];
    const bool held = slot.use == Slot::Use::granted || slot.use == Slot::Use::lost;
    INVARIANT(held == (slot.ticket != no_index), "a slot has a ticket iff it is in use");
    INVARIANT((slot.use == Slot::Use::dirty && options.quarantine_grace != Duration::max()) ==
                  timers.is_armed(slot.quarantine),
              "(12) a slot has a quarantine timer iff a late reply is outstanding");
    if (!held) continue;
    const Ticket& t = tickets_[slot.ticket];
    INVARIANT(t.worker == w.id && t.slot == s, "(4) slot and ticket name one another");
    INVARIANT(t.stage == (slot.use == Slot::Use::granted ? Ticket::Stage::running
                                                         : Ticket::Stage::awaiting_exit),
              "(4) a granted slot's ticket runs, a lost one's waits for the exit");
  }
  INVARIANT(uses[1] == w.slots_granted && uses[2] == w.slots_lost && uses[3] == w.slots_dirty,
            "the counts of slots agree with the slots");
  switch (w.lifecycle.state()) {
    case WorkerState::initializing:
      INVARIANT(w.slots.empty() && w.takes_start, "a starting worker has no slots yet");
      break;
    case WorkerState::ready:
      INVARIANT(w.slots_granted + w.slots_dirty + w.slots_lost == 0, "ready means idle");
      INVARIANT(w.lifecycle.health() == Health::healthy, "(21) a ready worker is healthy");
      INVARIANT(w.available == (!stopping && !w.probed && !w.ejected),
                "(21) an idle healthy worker can be handed out, but while it is pinged or out");
      break;
    case WorkerState::busy:
      INVARIANT(w.slots_granted > 0 && w.slots_lost == 0, "busy means in somebody's hands");
      break;
    case WorkerState::degraded:
      INVARIANT(w.slots_granted == 0 &&
                    (w.slots_dirty > 0) != (w.lifecycle.health() == Health::unhealthy),
                "degraded means that a late reply or the answer to a ping is awaited");
      break;
    case WorkerState::terminating:
      INVARIANT(w.slots_dirty == 0, "a worker on its way out is drained no more");
      INVARIANT(w.kill_sent || timers.is_armed(w.timer),
                "(1) a terminating worker is killed, or will be by its timer");
      break;
    case WorkerState::terminated:
      INVARIANT(w.slots_granted > 0, "a terminated worker is kept for its drivers alone");
      INVARIANT(w.slots_dirty + w.slots_lost == 0, "with the exit known nothing waits for it");
      break;
  }
  return nullptr;
}

const char* Core::State::check_health(const Worker& w) const {
  const WorkerState state = w.lifecycle.state();
  const bool serves =
      state == WorkerState::ready || state == WorkerState::busy || state == WorkerState::degraded;
  INVARIANT(timers.is_armed(w.health_timer) == (serves && health_rules_.on()),
            "(22) a worker in service is looked after, and no other");
  INVARIANT(!w.probed || state == WorkerState::ready, "only an idle worker is pinged");
  INVARIANT(!w.probed || w.health.is_waiting(), "a pinged worker's answer is waited for");
  INVARIANT(!w.health.is_waiting() || w.probed || state == WorkerState::degraded,
            "an answer is waited for only while its worker gets no work");
  INVARIANT(!w.health.is_unanswered() || !w.available, "no work before the ping is answered");
  INVARIANT(!serves || w.health.failures() < health_rules_.failures_max,
            "(22) failures_max failures in a row: replaced");
  return nullptr;
}

const char* Core::State::check_tickets() const {
  std::uint32_t queued = 0;
  std::uint32_t running = 0;
  std::uint32_t paused = 0;
  for (std::size_t i = 0; i < tickets_.size(); ++i) {
    const Ticket& t = tickets_[i];
    const bool waits = t.stage == Ticket::Stage::queued;
    INVARIANT(queue_.contains(static_cast<std::uint32_t>(i)) == waits,
              "a ticket is in the queue iff it is queued");
    switch (t.stage) {
      case Ticket::Stage::none:
        break;
      case Ticket::Stage::queued:
        ++queued;
        INVARIANT(t.deadline > now_, "(5) an expired request does not wait");
        INVARIANT(timers.is_armed(t.timer) == (t.deadline != never),
                  "(5) a waiting request with a deadline has a timer");
        break;
      case Ticket::Stage::running:
      case Ticket::Stage::awaiting_exit: {
        ++running;
        const Worker* w = find(t.worker);
        INVARIANT(w != nullptr && w->slots[t.slot].ticket == i,
                  "(4) a running ticket has its slot");
        INVARIANT(t.stage == Ticket::Stage::running || timers.is_armed(t.timer),
                  "a ticket does not wait for an exit without end");
        INVARIANT(t.lease || t.stage != Ticket::Stage::running || !timers.is_armed(t.timer),
                  "of what runs a lease alone has a timer");
        break;
      }
      case Ticket::Stage::backing_off:
        ++paused;
        INVARIANT(timers.is_armed(t.timer), "(38) a pause has an end");
        INVARIANT(t.deadline > now_ && !stopping, "(38, 10) nobody pauses for nothing");
        INVARIANT(t.charged, "(B5 14) a retry is charged when it is scheduled");
        INVARIANT(
            retries_[i].scheduled >= 1 && retries_[i].scheduled <= retries_[i].policy.max_retries,
            "(38) retries are bounded");
        INVARIANT(retries_[i].last_delay >= Duration::zero() &&
                      retries_[i].last_delay <= retries_[i].policy.max_delay,
                  "(39) 0 <= delay <= max_delay");
        INVARIANT(t.idempotent || t.failure == ErrorCode::none,
                  "(38) what a worker may have done is not done twice unasked");
        break;
    }
  }
  INVARIANT(queued == counters.queued && queued == queue_.size(), "the queue is as counted");
  INVARIANT(running == counters.running, "the running tickets are as counted");
  INVARIANT(paused == counters.backing_off, "the pausing tickets are as counted");
  INVARIANT(retry_budget_.tokens() >= 0 && retry_budget_.tokens() <= retry_budget_.capacity(),
            "(B5 14) the budget is neither overdrawn nor overfull");
  return nullptr;
}

const char* Core::State::check_waiting() const {
  if (const char* sentence = affinity_.broken_invariant()) return sentence;
  INVARIANT(counters.bindings == affinity_.bindings(), "(29) the bindings are as counted");
  INVARIANT(affinity_.next_expiry() > now_, "(27) no binding outlives its time");
  INVARIANT(stopping || affinity_.next_expiry() == never || timers.is_armed(binding_expiry_),
            "(27) a binding that nobody uses has an end");
  INVARIANT(wanted_.empty(), "who got available has served its lane");
  if (queue_.empty()) return nullptr;
  INVARIANT(
      queue_.size_of(AdmissionQueue::shared_lane) == 0 || newest_available_ == no_index || paused(),
      "(5) work waits only while no worker can take it, or the pool is paused");
  INVARIANT(!circuit_open, "(8) nobody waits for a pool that cannot start a worker");
  INVARIANT(!stopping, "(10) nobody waits for a pool that stops");
  std::size_t count = 0;
  for (std::uint32_t lane = 0; lane < queue_.lanes(); ++lane) {
    if (const char* sentence = check_lane(lane)) return sentence;
    count += queue_.size_of(lane);
  }
  INVARIANT(count == queue_.size(), "the lanes are all that waits");
  return nullptr;
}

const char* Core::State::check_lane(std::uint32_t lane) const {
  std::uint64_t serial = 0;
  std::size_t count = 0;
  for (auto index = queue_.front(lane); index; index = queue_.behind(*index)) {
    const Ticket& ticket = tickets_[*index];
    INVARIANT(ticket.id.serial > serial, "(5) a lane is in order of submission");
    serial = ticket.id.serial;
    ++count;
    if (lane == AdmissionQueue::shared_lane) continue;
    INVARIANT(ticket.session != no_session && insists(ticket),
              "(24) who waits for a worker insists on it");
    const WorkerId bound = affinity_.bound_to(ticket.session);
    INVARIANT(bound && lane_of(bound) == lane, "(25) who waits for a worker is bound to it");
    const Worker* worker = find(bound);
    INVARIANT(worker != nullptr && !worker->lifecycle.should_remove(),
              "(25) nobody waits for a worker that is gone");
    INVARIANT(!worker->available || paused(), "(5) nobody waits for a worker that is free");
    INVARIANT(!has_lost_its_state(ticket), "nobody waits for what is lost");
    const InSession& in = in_sessions_[*index];
    INVARIANT((in.policy == AffinityPolicy::prefer && in.wait_until != never) ==
                  timers.is_armed(in.timer),
              "(24) who prefers a worker does not wait for it for ever");
  }
  INVARIANT(count == queue_.size_of(lane), "a lane's links reach all who wait");
  return nullptr;
}

const char* Core::State::check_available() const {
  std::size_t listed = 0;
  std::uint32_t newer = no_index;
  Instant idle_since = never;
  for (std::uint32_t i = newest_available_; i != no_index; i = workers_[i].older) {
    const Worker& w = workers_[i];
    INVARIANT(w.available && w.newer == newer, "the list of available workers is linked");
    INVARIANT(w.slots_dirty == 0, "(12) a late reply outstanding: no work");
    INVARIANT(w.slots_granted < w.slots.size(), "an available worker has a free slot");
    INVARIANT(w.lifecycle.can_accept_work() || w.slots_granted > 0,
              "(21) a worker is handed out when ready and healthy, or between its slots");
    if (w.lifecycle.state() == WorkerState::ready) {
      INVARIANT(w.lifecycle.since() <= idle_since, "idle workers stand in order of idleness");
      idle_since = w.lifecycle.since();
    }
    newer = i;
    ++listed;
  }
  INVARIANT(newer == oldest_available_, "the list of available workers has its end");
  const auto flagged = std::count_if(workers_.begin(), workers_.end(), [](const Worker& w) {
    return static_cast<bool>(w.id) && w.available;
  });
  INVARIANT(listed == static_cast<std::size_t>(flagged), "all available workers are listed");
  INVARIANT(!stopping || listed == 0, "(10) a stopping pool hands nobody out");
  return nullptr;
}

const char* Core::State::check_starts() const {
  if (!opened_) return nullptr;
  INVARIANT(starting_ <= options.starts_parallel_max, "starts_parallel_max holds");
  INVARIANT(!circuit_open || alive() == 0, "(8) the start circuit is open for the dead alone");
  INVARIANT(!circuit_open || failures_in_row() >= options.start_failures_max,
            "(8) the start circuit is open for start_failures_max failures in a row");
  if (stopping) {
    INVARIANT(in_state(WorkerState::initializing) == 0, "(10) a stopping pool starts nobody");
    INVARIANT(in_state(WorkerState::degraded) == 0, "(10) a stop drains nobody");
    INVARIANT(stopped_ || stop_at_ == never || timers.is_armed(stop_grace_) || stop_at_ <= now_,
              "(10) a stop has an end");
    return nullptr;
  }
  INVARIANT(!start_needed() || !may_start(), "(3) what is missing is being started");
  INVARIANT(serving() <= target() || in_state(WorkerState::ready) == probed_ || ejected_ > 0 ||
                timers.is_armed(overflow_idle_) || options.overflow_idle_timeout == Duration::max(),
            "(3) a surplus that is idle is on its way out");
  return nullptr;
}

const char* Core::State::check_breakers() const {
  std::vector<std::uint32_t> users(breakers_.all().size());
  std::vector<std::uint32_t> trials(breakers_.all().size());
  for (std::size_t i = 0; i < tickets_.size(); ++i) {
    const Ticket& t = tickets_[i];
    if (!t.guarded || t.stage == Ticket::Stage::none) continue;
    const Guard& guard = guards_[i];
    const Breakers::Record& record = breakers_.all()[guard.circuit.index];
    INVARIANT(record.id == guard.circuit, "a guarded request's circuit is kept for it");
    ++users[guard.circuit.index];
    const bool runs = t.stage == Ticket::Stage::running || t.stage == Ticket::Stage::awaiting_exit;
    INVARIANT(guard.has_permit == runs, "(33) a permit is held by those that run, and by no other");
    if (runs && guard.epoch == record.circuit.epoch()) ++trials[guard.circuit.index];
    INVARIANT(t.stage != Ticket::Stage::queued ||
                  record.circuit.time_until_retry(now_) == Duration::zero(),
              "(32) nobody waits behind a circuit that is open for longer");
  }
  for (std::size_t i = 0; i < breakers_.all().size(); ++i) {
    const Breakers::Record& record = breakers_.all()[i];
    const bool half_open = record.circuit.state() == CircuitState::half_open;
    INVARIANT(record.users == users[i], "a circuit's users are as counted");
    INVARIANT(!half_open || record.circuit.permits_out() == trials[i],
              "(33) the permits that are out are in somebody's hands");
    INVARIANT(!half_open || trials[i] <= options.breaker.half_open_max,
              "(33) at most half_open_max trials run");
    INVARIANT(timers.is_armed(record.half_open) ==
                  (half_open && !stopping && record.circuit.half_open_until() != never),
              "(33) the half-open state has an end");
  }
  return nullptr;
}

std::vector<WorkerView> Core::State::views() const {
  std::vector<WorkerView> views;
  views.reserve(workers_known_);
  for (const Worker& w : workers_) {
    if (!w.id) continue;
    views.push_back({w.id, w.lifecycle.state(), w.lifecycle.health(), w.health.failures(),
                     w.lifecycle.since(), w.spawned_at, w.overflow,
                     static_cast<std::uint32_t>(w.slots.size()), w.slots_granted, w.slots_dirty,
                     w.served, w.lifecycle.total_transitions(), affinity_.bindings_of(w.id),
                     w.generation, w.marked, w.withdrawn, w.vigil.verdict(),
                     w.ejected ? w.ejected_until : never, w.leaves_for});
  }
  std::sort(views.begin(), views.end(),
            [](const WorkerView& a, const WorkerView& b) { return a.id.serial < b.id.serial; });
  return views;
}

}  // namespace ordeal::pool::core

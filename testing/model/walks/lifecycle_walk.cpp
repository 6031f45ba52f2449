// (18 to 22) A worker's lifecycle: transitions that are taken and that are refused, its history.
#include "testing/model/naive_lifecycle.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using S = WorkerState;

bool may_become(S from, S to) {
  switch (from) {
    case S::initializing:
      return to == S::ready || to == S::terminating || to == S::terminated;
    case S::ready:
      return to == S::busy || to == S::degraded || to == S::terminating || to == S::terminated;
    case S::busy:
      return to == S::ready || to == S::degraded || to == S::terminating || to == S::terminated;
    case S::degraded:
      return to == S::ready || to == S::terminating || to == S::terminated;
    case S::terminating:
      return to == S::terminated;
    case S::terminated:
      return false;
  }
  return false;
}

namespace {

struct Model {
  S state = S::initializing;
  Health health = Health::unknown;
  Instant since{};
  std::vector<Lifecycle::Entry> all;

  bool transition(Instant now, S to, TransitionReason reason) {
    const bool back_by_accident =
        state == S::degraded && to == S::ready && health != Health::healthy;
    if (!may_become(state, to) || now < since || back_by_accident) return false;
    all.push_back({state, to, reason, now, now - since});
    state = to;
    since = now;
    return true;
  }
};

bool same(const Lifecycle::Entry& a, const Lifecycle::Entry& b) {
  return a.from == b.from && a.to == b.to && a.reason == b.reason && a.at == b.at &&
         a.in_previous_state == b.in_previous_state;
}

std::string compare(const Lifecycle& real, const Model& model, std::size_t history_max) {
  if (real.state() != model.state) return "(18) it is in another state";
  if (real.since() != model.since) return "(18) it is in its state since another time";
  if (real.total_transitions() != model.all.size()) return "(19) its transitions are counted";
  const bool takes_work = model.state == S::ready && model.health == Health::healthy;
  if (real.can_accept_work() != takes_work) return "(21) it accepts work iff ready and healthy";
  const bool leaves = model.state == S::terminating || model.state == S::terminated;
  if (real.should_remove() != leaves) return "(20) it is to be removed iff it leaves or is gone";
  const auto history = real.history();
  if (history.size() != std::min(history_max, model.all.size())) {
    return "(19) its history is as long as it may be";
  }
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (!same(history[i], model.all[model.all.size() - history.size() + i])) {
      return "(19) its history is of its newest transitions, oldest first";
    }
  }
  return {};
}

}  // namespace

std::string walk_lifecycle(Random& random, std::uint32_t steps) {
  std::string error;
  for (std::uint32_t step = 0; step < steps && error.empty();) {
    Instant now{std::chrono::seconds{1}};
    const std::size_t history_max = 1 + random.below(8);
    Lifecycle real{now, history_max};
    Model model{.since = now};
    // Such a life is soon over, and then there is another.
    for (std::uint64_t length = random.between(1, 60); length > 0 && error.empty(); --length) {
      ++step;
      if (random.chance(1, 4)) {
        model.health = static_cast<Health>(random.below(3));
        real.set_health(model.health);
      }
      now += Duration{random.between(0, 9)};
      const Instant then = random.chance(1, 10) ? now - Duration{20} : now;
      // To what ends it seldom, or little else would be seen.
      const auto to = static_cast<S>(random.below(random.chance(1, 8) ? worker_state_count : 4));
      const auto reason = static_cast<TransitionReason>(random.below(20));
      const bool taken = model.transition(then, to, reason);
      if (real.transition(then, to, reason) != taken) {
        error = taken ? "(18) a transition of the table is refused"
                      : "(18) a transition is taken that is none";
      } else {
        error = compare(real, model, history_max);
      }
    }
  }
  return error;
}

}  // namespace ordeal::trial

// The timers: in order of their instants, of equal ones in the order of arming; none twice.
#include <map>
#include <utility>
#include <vector>

#include "pool/core/timer_queue.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout

namespace {

using Place = std::pair<Instant, std::uint64_t>;

class Walk {
 public:
  explicit Walk(Random& random) : random_(random) {}

  std::string step() {
    const auto choice = random_.below(4);
    if (choice < 2) {
      const Instant at = now_ + Duration{random_.between(-2, 6)};
      const auto owner = static_cast<std::uint32_t>(++armings_);
      handles_.emplace_back(timers_.arm(at, static_cast<Timer>(random_.below(20)), owner),
                            Place{at, armings_});
      model_.emplace(Place{at, armings_}, owner);
    } else if (choice == 2 && !handles_.empty()) {
      auto& [handle, place] = handles_[random_.below(handles_.size())];
      if (timers_.is_armed(handle) != (model_.count(place) > 0)) return "one is armed, or is not";
      if (timers_.cancel(handle) != (model_.erase(place) > 0)) return "one is cancelled twice";
    } else {
      now_ += Duration{random_.between(0, 3)};
      const auto due = timers_.pop_due(now_);
      const bool any = !model_.empty() && model_.begin()->first.first <= now_;
      if (due.has_value() != any) return any ? "one that is due does not come" : "one comes early";
      if (due && due->owner != model_.begin()->second) return "another comes before its turn";
      if (due) model_.erase(model_.begin());
    }
    const auto next = timers_.next();
    if (next.has_value() == model_.empty() || timers_.size() != model_.size()) {
      return "as many are armed as were and have not come";
    }
    if (next && *next != model_.begin()->first.first) return "the next one is another";
    return {};
  }

 private:
  Random& random_;
  TimerQueue timers_;
  Instant now_{std::chrono::seconds{1}};
  std::uint64_t armings_ = 0;
  std::vector<std::pair<TimerHandle, Place>> handles_;
  std::map<Place, std::uint32_t> model_;
};

}  // namespace

std::string walk_timers(Random& random, std::uint32_t steps) {
  Walk walk{random};
  for (std::uint32_t step = 0; step < steps; ++step) {
    if (std::string error = walk.step(); !error.empty()) return error;
  }
  return {};
}

}  // namespace ordeal::trial

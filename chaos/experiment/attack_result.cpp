// What a plan and its result say about themselves.
#include <fmt/format.h>

#include <algorithm>

#include "chaos/experiment/attack.hpp"

namespace ordeal::chaos {

std::string KillSchedule::describe() const {
  std::string text;
  for (const Target& target : targets) text += (text.empty() ? "" : ", ") + to_string(target);
  return fmt::format("{}{}, every {} ms at most", text, targets.size() > 1 ? " in turn" : "",
                     every.count());
}

std::uint32_t AttackResult::proved() const {
  return static_cast<std::uint32_t>(
      std::count_if(victims.begin(), victims.end(),
                    [](const Victim& victim) { return victim.state >= Victim::State::proved; }));
}

bool AttackResult::recovered() const {
  return std::none_of(victims.begin(), victims.end(),
                      [](const Victim& victim) { return victim.state == Victim::State::proved; });
}

bool AttackResult::threads_left_behind() const {
  return history.count(trial::Outcome::lost) > 0 || !stop_returned;
}

}  // namespace ordeal::chaos

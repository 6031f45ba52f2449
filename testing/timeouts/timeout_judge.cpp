#include "testing/timeouts/timeout_judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

namespace ordeal::trial {

using pool::core::Duration;
using pool::core::Instant;

namespace {

// When a declared wait last explained one of a thread's.
using LastEnds = std::map<std::pair<std::size_t, int>, Instant>;

// A wait that began less than its length after the last one's end is the next look of a loop whose
// looks are shorter than what was declared.
bool is_declared_wait(const EndedWait& wait, const Declared& declared, LastEnds& last_ends) {
  for (std::size_t i = 0; i < declared.waits.size(); ++i) {
    const DeclaredWait& known = declared.waits[i];
    if (!known.thread.empty() && known.thread != wait.thread) continue;
    if (wait.deadline - wait.began > known.length_max) continue;
    const auto [last, is_first] = last_ends.try_emplace({i, wait.thread_id}, wait.ended);
    if (!is_first && wait.ended - last->second < known.length_max) continue;
    last->second = wait.ended;
    return true;
  }
  return false;
}

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

TimeoutVerdict judge_timeouts(const std::vector<EndedWait>& waits, const Declared& declared) {
  TimeoutVerdict verdict;
  LastEnds last_ends;
  for (const EndedWait& wait : waits) {
    if (wait.deadline >= declared.unknown_from || declared.deadlines.contains(wait.deadline)) {
      ++verdict.at_deadlines;
    } else if (is_declared_wait(wait, declared, last_ends)) {
      ++verdict.declared_waits;
    } else {
      verdict.unexplained.push_back(wait);
    }
  }
  return verdict;
}

std::string describe(const std::vector<EndedWait>& unexplained) {
  struct Alike {
    std::size_t count = 0;
    Duration longest{};
    Duration shortest = Duration::max();
  };
  std::map<std::pair<std::string, std::string>, Alike> groups;
  for (const EndedWait& wait : unexplained) {
    Alike& alike = groups[{wait.test, wait.thread}];
    ++alike.count;
    alike.longest = std::max(alike.longest, wait.deadline - wait.began);
    alike.shortest = std::min(alike.shortest, wait.deadline - wait.began);
  }
  std::string text;
  for (const auto& [key, alike] : groups) {
    text += fmt::format("\n  {}: {} in thread '{}', of {:.3f} to {:.3f} ms", key.first, alike.count,
                        key.second, milliseconds(alike.shortest), milliseconds(alike.longest));
  }
  return text;
}

}  // namespace ordeal::trial

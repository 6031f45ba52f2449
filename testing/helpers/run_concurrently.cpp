#include "testing/helpers/run_concurrently.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <barrier>
#include <thread>
#include <utility>

namespace ordeal::trial {

using std::chrono::steady_clock;

Overlap overlap_of(std::vector<Overlap::Run> runs) {
  std::vector<std::pair<steady_clock::time_point, int>> changes;
  for (const Overlap::Run& run : runs) {
    if (run.ended <= run.began) continue;
    changes.emplace_back(run.began, 1);
    changes.emplace_back(run.ended, -1);
  }
  // Of an end and a beginning at one instant the end is first (-1 < 1): those two did not overlap.
  std::sort(changes.begin(), changes.end());
  Overlap overlap{.runs = std::move(runs)};
  std::uint32_t now = 0;
  std::chrono::duration<double> any{0};
  std::chrono::duration<double> sum{0};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (now > 0) {
      const std::chrono::duration<double> lasted = changes[i].first - changes[i - 1].first;
      any += lasted;
      sum += now * lasted;
    }
    now += static_cast<std::uint32_t>(changes[i].second);
    overlap.most = std::max(overlap.most, now);
  }
  overlap.average = any.count() > 0 ? sum / any : 0;
  return overlap;
}

Overlap run_concurrently(const std::vector<std::function<void()>>& operations) {
  std::vector<Overlap::Run> runs(operations.size());
  std::barrier all_there{static_cast<std::ptrdiff_t>(operations.size())};
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      threads.emplace_back([&, i] {
        all_there.arrive_and_wait();
        runs[i].began = steady_clock::now();
        operations[i]();
        runs[i].ended = steady_clock::now();
      });
    }
  }
  return overlap_of(std::move(runs));
}

std::string Overlap::in_words() const {
  return fmt::format("{} runs, at most {} at once, {:.2f} on average", runs.size(), most, average);
}

}  // namespace ordeal::trial

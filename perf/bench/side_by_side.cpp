#include "perf/bench/side_by_side.hpp"

#include <time.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <thread>
#include <utility>

#include "perf/bench/sample.hpp"

namespace ordeal::perf {
namespace {

using Clock = std::chrono::steady_clock;

double cpu_us_of_process(int pid) {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

double cpu_us_of(const Side& side) {
  double sum = cpu_us_of_process(0);  // this one
  for (const int pid : side.worker_pids) sum += cpu_us_of_process(pid);
  return sum;
}

struct Block {
  std::vector<double> latencies_us;
  double cpu_us_per_call = 0;
  double calls_per_second = 0;
  std::optional<pool::Error> failure;
};

struct Lap {
  std::vector<double> latencies_us;
  std::optional<pool::Error> failure;
};

void run_lap(const std::function<std::optional<pool::Error>()>& call, std::size_t calls, Lap& lap) {
  lap.latencies_us.reserve(calls);
  for (std::size_t i = 0; i < calls && !lap.failure; ++i) {
    const auto begun = Clock::now();
    lap.failure = call();
    const auto ended = Clock::now();
    lap.latencies_us.push_back(std::chrono::duration<double, std::micro>(ended - begun).count());
  }
}

// All callers at once, each its share. The first is this thread.
std::vector<Lap> run_laps(const Side& side, std::size_t calls, double& seconds) {
  std::vector<Lap> laps(side.callers.size());
  const std::size_t share = std::max<std::size_t>(calls / laps.size(), 1);
  std::barrier start{static_cast<std::ptrdiff_t>(laps.size())};
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < laps.size(); ++i) {
    others.emplace_back([&, i] {
      start.arrive_and_wait();
      run_lap(side.callers[i], share, laps[i]);
    });
  }
  start.arrive_and_wait();
  const auto begun = Clock::now();
  run_lap(side.callers[0], share, laps[0]);
  others.clear();  // waits for them
  seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return laps;
}

Block run_block(const Side& side, std::size_t calls) {
  Block block;
  double seconds = 0;
  const double cpu_before = cpu_us_of(side);
  for (Lap& lap : run_laps(side, calls, seconds)) {
    block.latencies_us.insert(block.latencies_us.end(), lap.latencies_us.begin(),
                              lap.latencies_us.end());
    if (lap.failure) block.failure = std::move(lap.failure);
  }
  const auto made = static_cast<double>(block.latencies_us.size());
  block.cpu_us_per_call = (cpu_us_of(side) - cpu_before) / made;
  block.calls_per_second = made / seconds;
  return block;
}

void add(Ratios& ratios, const Block& mine, const Block& control) {
  const Summary a = summarise(mine.latencies_us);
  const Summary b = summarise(control.latencies_us);
  ratios.mean.push_back(a.mean_us / b.mean_us);
  ratios.p50.push_back(a.p50_us / b.p50_us);
  ratios.p90.push_back(a.p90_us / b.p90_us);
  ratios.p99.push_back(a.p99_us / b.p99_us);
  ratios.cpu.push_back(mine.cpu_us_per_call / control.cpu_us_per_call);
  ratios.throughput.push_back(mine.calls_per_second / control.calls_per_second);
}

}  // namespace

pool::Result<void> add_pairs(SideBySide& seen, const Side& mine, const Side& control,
                             const BlockSizes& sizes) {
  for (const Side* side : {&mine, &control}) {
    if (auto warm = run_block(*side, sizes.warm_up_calls); warm.failure) {
      return tl::unexpected(*warm.failure);
    }
  }
  for (std::uint32_t pair = 0; pair < sizes.pairs; ++pair) {
    const bool mine_first = seen.ratios.mean.size() % 2 == 0;
    const Block first = run_block(mine_first ? mine : control, sizes.calls_per_block);
    const Block second = run_block(mine_first ? control : mine, sizes.calls_per_block);
    if (first.failure) return tl::unexpected(*first.failure);
    if (second.failure) return tl::unexpected(*second.failure);
    const Block& a = mine_first ? first : second;
    const Block& b = mine_first ? second : first;
    add(seen.ratios, a, b);
    seen.mine_us.insert(seen.mine_us.end(), a.latencies_us.begin(), a.latencies_us.end());
    seen.control_us.insert(seen.control_us.end(), b.latencies_us.begin(), b.latencies_us.end());
  }
  return {};
}

}  // namespace ordeal::perf

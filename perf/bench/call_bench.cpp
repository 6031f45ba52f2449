#include "perf/bench/call_bench.hpp"

#include <time.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "ordeal/pool/pool.hpp"
#include "perf/bench/crowd.hpp"
#include "perf/bench/pinning.hpp"
#include "perf/bench/raw_pipe.hpp"

namespace ordeal::perf {
namespace {

using Clock = std::chrono::steady_clock;

double cpu_us_of_process(int pid) {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

// What is measured or compared with: callers, each with a way to make one call.
struct Side {
  std::vector<std::function<std::optional<pool::Error>()>> callers;
  std::vector<int> worker_pids;

  [[nodiscard]] double cpu_us() const {
    double sum = cpu_us_of_process(0);  // this one
    for (const int pid : worker_pids) sum += cpu_us_of_process(pid);
    return sum;
  }
};

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
  const double cpu_before = side.cpu_us();
  for (Lap& lap : run_laps(side, calls, seconds)) {
    block.latencies_us.insert(block.latencies_us.end(), lap.latencies_us.begin(),
                              lap.latencies_us.end());
    if (lap.failure) block.failure = std::move(lap.failure);
  }
  const auto made = static_cast<double>(block.latencies_us.size());
  block.cpu_us_per_call = (side.cpu_us() - cpu_before) / made;
  block.calls_per_second = made / seconds;
  return block;
}

struct Ratios {
  std::vector<double> mean;
  std::vector<double> p50;
  std::vector<double> p90;
  std::vector<double> p99;
  std::vector<double> cpu;
  std::vector<double> throughput;
  void add(const Block& mine, const Block& control) {
    const Summary pool = summarise(mine.latencies_us);
    const Summary raw = summarise(control.latencies_us);
    mean.push_back(pool.mean_us / raw.mean_us);
    p50.push_back(pool.p50_us / raw.p50_us);
    p90.push_back(pool.p90_us / raw.p90_us);
    p99.push_back(pool.p99_us / raw.p99_us);
    cpu.push_back(mine.cpu_us_per_call / control.cpu_us_per_call);
    throughput.push_back(mine.calls_per_second / control.calls_per_second);
  }
};

pool::Result<pool::Pool> start_pool(const CallBenchOptions& options, pool::SpinMode spin) {
  pool::Options pool_options;
  pool_options.command = options.worker;
  pool_options.size = options.workers;
  pool_options.spin = spin;
  pool_options.worker_spin_us = options.worker_spin_us;
  return pool::Pool::start(pool_options);
}

Side callers_of(pool::Pool& pool, const CallBenchOptions& options) {
  Side side;
  for (std::uint32_t i = 0; i < options.callers; ++i) {
    side.callers.emplace_back([&pool, &options]() -> std::optional<pool::Error> {
      auto reply = pool.call(options.command, pool::JsonText{options.arguments});
      if (reply) return std::nullopt;
      return std::move(reply.error());
    });
  }
  for (const auto& worker : pool.status().workers) side.worker_pids.push_back(worker.pid);
  return side;
}

Side callers_of(std::vector<RawPipe>& pipes, const CallBenchOptions& options) {
  Side side;
  for (RawPipe& pipe : pipes) {
    side.callers.emplace_back([&pipe, &options]() -> std::optional<pool::Error> {
      auto size = pipe.call(options.command, options.arguments);
      if (size) return std::nullopt;
      return std::move(size.error());
    });
    side.worker_pids.push_back(pipe.pid());
  }
  return side;
}

// What all pairs have shown so far.
struct Pairs {
  std::vector<double> mine_us;
  std::vector<double> control_us;
  Ratios ratios;
  std::uint64_t pool_calls = 0;
  std::uint64_t reads_wasted = 0;
  std::uint64_t yields = 0;
};

pool::Result<void> add_pairs(Pairs& seen, const CallBenchOptions& options, std::uint32_t pairs,
                             const Side& mine, const Side& control) {
  for (const Side* side : {&mine, &control}) {
    if (auto warm = run_block(*side, options.warm_up_calls); warm.failure) {
      return tl::unexpected(*warm.failure);
    }
  }
  for (std::uint32_t pair = 0; pair < pairs; ++pair) {
    const bool mine_first = seen.ratios.mean.size() % 2 == 0;
    const Block first = run_block(mine_first ? mine : control, options.calls_per_block);
    const Block second = run_block(mine_first ? control : mine, options.calls_per_block);
    if (first.failure) return tl::unexpected(*first.failure);
    if (second.failure) return tl::unexpected(*second.failure);
    const Block& a = mine_first ? first : second;
    const Block& b = mine_first ? second : first;
    seen.ratios.add(a, b);
    seen.mine_us.insert(seen.mine_us.end(), a.latencies_us.begin(), a.latencies_us.end());
    seen.control_us.insert(seen.control_us.end(), b.latencies_us.begin(), b.latencies_us.end());
  }
  return {};
}

// A pool and its control, with workers of their own.
pool::Result<void> add_processes(Pairs& seen, const CallBenchOptions& options,
                                 std::uint32_t pairs) {
  auto pool = start_pool(options, options.spin);
  if (!pool) return tl::unexpected(pool.error());
  std::optional<pool::Pool> other;
  std::vector<RawPipe> pipes;
  if (options.control == Control::blocking_pool) {
    auto blocking = start_pool(options, pool::SpinMode::off);
    if (!blocking) return tl::unexpected(blocking.error());
    other.emplace(std::move(*blocking));
  } else {
    for (std::uint32_t i = 0; i < options.workers; ++i) {
      auto pipe = RawPipe::start(options.worker);
      if (!pipe) return tl::unexpected(pipe.error());
      pipes.push_back(std::move(*pipe));
    }
  }
  const Side control = other ? callers_of(*other, options) : callers_of(pipes, options);
  auto added = add_pairs(seen, options, pairs, callers_of(*pool, options), control);
  const pool::Status status = pool->status();
  seen.pool_calls += status.ok;
  seen.reads_wasted += status.spin.reads_wasted;
  seen.yields += status.spin.yields;
  return added;
}

CallBenchResult result_of(Pairs&& seen) {
  const auto calls = static_cast<double>(std::max<std::uint64_t>(seen.pool_calls, 1));
  Ratios& ratios = seen.ratios;
  return {.pool = summarise(std::move(seen.mine_us)),
          .control = summarise(std::move(seen.control_us)),
          .mean_ratio = median_interval(std::move(ratios.mean)),
          .p50_ratio = median_interval(std::move(ratios.p50)),
          .p90_ratio = median_interval(std::move(ratios.p90)),
          .p99_ratio = median_interval(std::move(ratios.p99)),
          .cpu_ratio = median_interval(std::move(ratios.cpu)),
          .throughput_ratio = median_interval(std::move(ratios.throughput)),
          .reads_wasted_per_call = static_cast<double>(seen.reads_wasted) / calls,
          .yields_per_call = static_cast<double>(seen.yields) / calls};
}

}  // namespace

pool::Result<CallBenchResult> run_call_bench(const CallBenchOptions& options) {
  const Crowd crowd{options.crowded ? std::max(std::thread::hardware_concurrency(), 1U) : 0U};
  const Pinning pinning{options.pinned};
  Pairs seen;
  for (std::uint32_t left = options.pairs; left > 0;) {
    const std::uint32_t pairs = std::min(left, options.pairs_per_process);
    if (auto added = add_processes(seen, options, pairs); !added) {
      return tl::unexpected(std::move(added.error()));
    }
    left -= pairs;
  }
  return result_of(std::move(seen));
}

}  // namespace ordeal::perf

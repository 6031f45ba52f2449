#include "perf/bench/call_bench.hpp"

#include <algorithm>
#include <optional>
#include <thread>

#include "ordeal/pool/pool.hpp"
#include "perf/bench/crowd.hpp"
#include "perf/bench/pinning.hpp"
#include "perf/bench/raw_pipe.hpp"
#include "perf/bench/shared_pipes.hpp"
#include "perf/bench/side_by_side.hpp"

namespace ordeal::perf {
namespace {

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
    side.callers.emplace_back([&pool, &options] {
      return failure_of(pool.call(options.command, pool::JsonText{options.arguments}));
    });
  }
  for (const auto& worker : pool.status().workers) side.worker_pids.push_back(worker.pid);
  return side;
}

Side callers_of(std::vector<RawPipe>& pipes, const CallBenchOptions& options) {
  Side side;
  for (RawPipe& pipe : pipes) {
    side.callers.emplace_back(
        [&pipe, &options] { return failure_of(pipe.call(options.command, options.arguments)); });
    side.worker_pids.push_back(pipe.pid());
  }
  return side;
}

Side callers_of(SharedPipes& shared, const std::vector<RawPipe>& pipes,
                const CallBenchOptions& options) {
  Side side;
  for (std::uint32_t i = 0; i < options.callers; ++i) {
    side.callers.emplace_back([&shared, &options] {
      return failure_of(shared.call(options.command, options.arguments));
    });
  }
  for (const RawPipe& pipe : pipes) side.worker_pids.push_back(pipe.pid());
  return side;
}

// What all pairs have shown so far, and what the pool's spinning took.
struct Seen {
  SideBySide pairs;
  std::uint64_t pool_calls = 0;
  std::uint64_t reads_wasted = 0;
  std::uint64_t yields = 0;
};

// A pool and its control, with workers of their own.
pool::Result<void> add_processes(Seen& seen, const CallBenchOptions& options, std::uint32_t pairs) {
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
  SharedPipes shared{pipes};
  const Side control = [&] {
    switch (options.control) {
      case Control::blocking_pool:
        return callers_of(*other, options);
      case Control::shared_pipes:
        return callers_of(shared, pipes, options);
      case Control::raw_pipes:
        break;
    }
    return callers_of(pipes, options);
  }();
  auto added = add_pairs(seen.pairs, callers_of(*pool, options), control,
                         {.pairs = pairs,
                          .calls_per_block = options.calls_per_block,
                          .warm_up_calls = options.warm_up_calls});
  const pool::Status status = pool->status();
  seen.pool_calls += status.ok;
  seen.reads_wasted += status.spin.reads_wasted;
  seen.yields += status.spin.yields;
  return added;
}

CallBenchResult result_of(Seen&& seen) {
  const auto calls = static_cast<double>(std::max<std::uint64_t>(seen.pool_calls, 1));
  Ratios& ratios = seen.pairs.ratios;
  return {.pool = summarise(std::move(seen.pairs.mine_us)),
          .control = summarise(std::move(seen.pairs.control_us)),
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
  Seen seen;
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

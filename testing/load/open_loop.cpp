#include "testing/load/open_loop.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "pool/runtime/clock.hpp"

namespace ordeal::trial {
namespace {

namespace runtime = pool::runtime;
using runtime::Instant;

void count_in_slice(std::vector<std::uint64_t>& slices, Duration at, Duration slice) {
  const auto index = static_cast<std::size_t>(std::max<std::int64_t>(at / slice, 0));
  if (index >= slices.size()) slices.resize(index + 1);
  ++slices[index];
}

// Nothing ends this wait but time: nobody knows its word.
void rest_until(Instant due) {
  runtime::WakeWord word;
  while (runtime::now() < due) word.wait_until(due, word.ticket());
}

// What a caller knows of the loop it is part of.
struct Round {
  const MakeCall& make_call;
  Instant began;
  Duration slice;
  std::chrono::milliseconds deadline;
};

void make_one(const Round& round, const PlannedCall& call, std::uint32_t caller, LoadResult& result,
              std::uint64_t& ok_here) {
  const Instant due = round.began + call.due;
  const Instant begun = runtime::now();
  const CallEnd end =
      round.make_call(call, caller, runtime::to_steady(pool::core::after(due, round.deadline)));
  const Instant ended = runtime::now();
  result.lag.add(begun - due);
  result.count(end);
  result.length = std::max(result.length, Duration{ended - round.began});
  if (end.outcome != Outcome::ok) return;
  ++ok_here;
  result.response.add(ended - due);
  result.service.add(ended - begun);
  count_in_slice(result.ok_by_slice, ended - round.began, round.slice);
}

// One result a caller, so that nothing is shared while they call; merged in the end.
LoadResult run_callers(std::uint32_t callers,
                       const std::function<void(std::uint32_t, LoadResult&)>& caller_life) {
  std::vector<LoadResult> results(callers);
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t number = 0; number < callers; ++number) {
      threads.emplace_back([&, number] { caller_life(number, results[number]); });
    }
  }
  LoadResult all;
  for (const LoadResult& result : results) all.merge(result);
  return all;
}

}  // namespace

LoadResult run_open_loop(const LoadShape& shape, std::uint64_t seed, const OpenLoopOptions& options,
                         const MakeCall& make_call) {
  PlannedLoad load{shape, seed};
  std::mutex load_mutex;
  const Round round{make_call, runtime::now(), options.slice, options.deadline};
  return run_callers(options.callers, [&](std::uint32_t number, LoadResult& result) {
    std::uint64_t ok_here = 0;
    while (true) {
      const auto call = [&] {
        const std::lock_guard lock{load_mutex};
        return load.next();
      }();
      if (!call) break;
      ++result.planned;
      count_in_slice(result.due_by_slice, call->due, options.slice);
      const Instant due = round.began + call->due;
      rest_until(due);
      const Duration lag = runtime::now() - due;
      if (lag >= options.deadline) {
        ++result.omitted;
        continue;
      }
      if (lag > options.late_after) ++result.late;
      make_one(round, *call, number, result, ok_here);
    }
    result.ok_by_caller = {ok_here};
  });
}

LoadResult run_back_to_back(const LoadShape& shape, std::uint64_t seed,
                            const BackToBackOptions& options, const MakeCall& make_call) {
  const Round round{make_call, runtime::now(), options.slice, options.deadline};
  const Instant end = pool::core::after(round.began, options.length);
  std::atomic<std::uint64_t> taken{0};
  return run_callers(options.callers, [&](std::uint32_t number, LoadResult& result) {
    // A stream of its own for each caller; the rate is one that never runs out.
    LoadShape own = shape;
    own.rate = steady(Rate::per_second(1'000'000), std::chrono::hours{24});
    PlannedLoad load{own, seed + number};
    std::uint64_t ok_here = 0;
    while (true) {
      const std::uint64_t number_in_all = taken.fetch_add(1);
      if (options.calls > 0 ? number_in_all >= options.calls : runtime::now() >= end) break;
      auto call = load.next();
      if (!call) break;
      ++result.planned;
      call->due = runtime::now() - round.began;
      count_in_slice(result.due_by_slice, call->due, options.slice);
      make_one(round, *call, number, result, ok_here);
    }
    result.ok_by_caller = {ok_here};
  });
}

}  // namespace ordeal::trial

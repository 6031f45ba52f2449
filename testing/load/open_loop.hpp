// Load without coordinated omission: a call is begun when it is due, not when the last one has been
// answered, and its latency counts from then. And beside it the closed loop, back to back.
//
// A blocking call needs a thread. While all callers are busy, calls that are due wait for one (they
// are `late`, and their latency has grown meanwhile); whose deadline passes there is `omitted`.
// Both are figures of the result: a generator that cannot keep up says so.
//
// Thread safety: each function runs its callers' threads and returns when they have ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "testing/load/load_result.hpp"
#include "testing/load/planned_load.hpp"

namespace ordeal::trial {

// Makes one call, on the caller's thread; must be back by `deadline`, more or less. Called from all
// callers at once.
using MakeCall =
    std::function<CallEnd(const PlannedCall&, std::uint32_t caller, TimePoint deadline)>;

struct OpenLoopOptions {
  std::uint32_t callers = 64;
  std::chrono::milliseconds deadline{10'000};  // of a call, from when it is due
  Duration late_after = std::chrono::milliseconds{1};
  Duration slice = std::chrono::milliseconds{100};
};
[[nodiscard]] LoadResult run_open_loop(const LoadShape& shape, std::uint64_t seed,
                                       const OpenLoopOptions& options, const MakeCall& make_call);

// Every caller makes the next call as soon as it has its answer. The shape's rate is not looked at;
// a call is due when it is begun.
struct BackToBackOptions {
  std::uint32_t callers = 1;
  std::uint64_t calls = 0;                    // in all; 0: as many as fit into `length`
  Duration length = std::chrono::seconds{1};  // no call is begun after it
  std::chrono::milliseconds deadline{10'000};
  Duration slice = std::chrono::milliseconds{100};
};
[[nodiscard]] LoadResult run_back_to_back(const LoadShape& shape, std::uint64_t seed,
                                          const BackToBackOptions& options,
                                          const MakeCall& make_call);

}  // namespace ordeal::trial

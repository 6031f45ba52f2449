// The names that a suite may put beside a case, and what is compared there.
#pragma once

#include <array>
#include <string_view>

namespace ordeal::perf {

inline constexpr std::array<std::string_view, 5> contestant_names = {
    "raw_pipe",               // a raw blocking pipe to each worker: the control
    "process_pool_executor",  // Python's concurrent.futures.ProcessPoolExecutor
    "multiprocessing_pool",   // Python's multiprocessing.Pool
    "loky",                   // loky's reusable executor
    "nimble_pool",            // Elixir: NimblePool with a port to the same worker
};
inline constexpr std::array<std::string_view, 5> contest_metric_names = {"mean", "p50", "p90",
                                                                         "p99", "throughput"};

}  // namespace ordeal::perf

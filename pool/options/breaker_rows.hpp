// The rows of Options::Breaker. Only table.cpp includes it.
#pragma once

#include <array>

#include "pool/core/names.hpp"
#include "pool/options/rows.hpp"

namespace ordeal::pool::options {

inline constexpr const auto& breaker_rule_names = core::Names<BreakerRule>::all;
inline constexpr const auto& breaker_key_names = core::Names<BreakerKey>::all;

using B = Options::Breaker;
inline constexpr std::int64_t circuit_ms_max = 24 * 60 * 60 * 1000;

inline constexpr std::array breaker_rows{
    plain<&Options::breaker, &B::enabled>("breaker.enabled", Kind::boolean, 0, 1,
                                          "refuse calls at once where most of them fail"),
    choice<breaker_key_names, &Options::breaker, &B::key>(
        "breaker.key", "whose calls share a circuit, if they bring no `breaker_key`"),
    choice<breaker_rule_names, &Options::breaker, &B::rule>("breaker.rule", "what opens a circuit"),
    number<&Options::breaker, &B::failures>("breaker.failures", "", 1, 1'000'000,
                                            "rule consecutive: failures in a row that open it"),
    number<&Options::breaker, &B::successes>("breaker.successes", "", 1, 1000,
                                             "successful trials that close it again"),
    number<&Options::breaker, &B::half_open_max>("breaker.half_open_max", "", 1, 1000,
                                                 "trials of a half-open circuit that run at once"),
    duration<&Options::breaker, &B::half_open>("breaker.half_open_ms", 1, circuit_ms_max,
                                               "trials that are not decided by then open it again"),
    duration<&Options::breaker, &B::open>("breaker.open_ms", 1, circuit_ms_max,
                                          "how long it stays open"),
    duration<&Options::breaker, &B::open_max>("breaker.open_max_ms", 1, circuit_ms_max,
                                              "longest open period, growth and jitter included"),
    number<&Options::breaker, &B::open_growth_percent>(
        "breaker.open_growth_percent", "", 100, 1000,
        "of the last open period, is the next one, if a trial fails"),
    number<&Options::breaker, &B::open_jitter_percent>(
        "breaker.open_jitter_percent", "", 0, 100, "an open period may be longer by so much of it"),
    number<&Options::breaker, &B::window_calls>(
        "breaker.window_calls", "", 1, 100'000,
        "rule call_rate: the last calls that are looked at"),
    duration<&Options::breaker, &B::window>("breaker.window_ms", 1, circuit_ms_max,
                                            "rule time_rate: the time that is looked at"),
    number<&Options::breaker, &B::window_slices>(
        "breaker.window_slices", "", 1, 1000,
        "rule time_rate: parts in which that time is forgotten"),
    number<&Options::breaker, &B::min_calls>("breaker.min_calls", "", 1, 100'000,
                                             "the rates: fewer calls in the window open nothing"),
    number<&Options::breaker, &B::failure_percent>(
        "breaker.failure_percent", "", 1, 100, "the rates: failed calls of a hundred that open it"),
    duration<&Options::breaker, &B::slow_call>(
        "breaker.slow_call_ms", 0, circuit_ms_max,
        "the rates: a call that takes so long is slow; 0: none is"),
    number<&Options::breaker, &B::slow_percent>("breaker.slow_percent", "", 1, 100,
                                                "the rates: slow calls of a hundred that open it"),
    plain<&Options::breaker, &B::caller_errors>(
        "breaker.caller_errors", Kind::list, 0, 1000,
        "types of a worker's errors that are the caller's mistake: not counted"),
    number<&Options::breaker, &B::circuits_max>(
        "breaker.circuits_max", "", 1, 1'000'000,
        "circuits known at once; a key beyond them is not guarded, unless one is idle"),
};

}  // namespace ordeal::pool::options

// How rows of the table are made for the members of Options::Breaker, and those rows.
// Only table.cpp includes it.
#pragma once

#include <array>
#include <chrono>

#include "pool/core/names.hpp"
#include "pool/options/choice.hpp"
#include "pool/options/table.hpp"

namespace ordeal::pool::options {

inline constexpr const auto& breaker_rule_names = core::Names<BreakerRule>::all;
inline constexpr const auto& breaker_key_names = core::Names<BreakerKey>::all;

template <std::uint32_t Options::Breaker::*Member>
constexpr Descriptor breaker_number(std::string_view name, std::int64_t min, std::int64_t max,
                                    std::string_view doc) {
  return {.name = name,
          .kind = Kind::integer,
          .unit = {},
          .min = min,
          .max = max,
          .choices = {},
          .names = false,
          .built = true,
          .get = [](const Options& o) { return Value{std::int64_t{o.breaker.*Member}}; },
          .set =
              [](Options& o, const Value& v) {
                o.breaker.*Member = static_cast<std::uint32_t>(std::get<std::int64_t>(v));
              },
          .doc = doc};
}

template <std::chrono::milliseconds Options::Breaker::*Member>
constexpr Descriptor breaker_duration(std::string_view name, std::int64_t min,
                                      std::string_view doc) {
  return {.name = name,
          .kind = Kind::integer,
          .unit = "ms",
          .min = min,
          .max = 24 * 60 * 60 * 1000,
          .choices = {},
          .names = false,
          .built = true,
          .get = [](const Options& o) -> Value {
            return static_cast<std::int64_t>((o.breaker.*Member).count());
          },
          .set =
              [](Options& o, const Value& v) {
                o.breaker.*Member = std::chrono::milliseconds{std::get<std::int64_t>(v)};
              },
          .doc = doc};
}

template <auto Member, const auto& Names>
constexpr Descriptor breaker_choice(std::string_view name, std::string_view doc) {
  return {.name = name,
          .kind = Kind::choice,
          .unit = {},
          .min = 0,
          .max = 0,
          .choices = Names,
          .names = false,
          .built = true,
          .get = [](const Options& o) { return get_choice(o.breaker.*Member, Names); },
          .set = [](Options& o, const Value& v) { set_choice(o.breaker.*Member, v, Names); },
          .doc = doc};
}

using B = Options::Breaker;

inline constexpr std::array breaker_rows{
    Descriptor{.name = "breaker.enabled",
               .kind = Kind::boolean,
               .unit = {},
               .min = 0,
               .max = 1,
               .choices = {},
               .names = false,
               .built = true,
               .get = [](const Options& o) -> Value { return o.breaker.enabled; },
               .set = [](Options& o, const Value& v) { o.breaker.enabled = std::get<bool>(v); },
               .doc = "refuse calls at once where most of them fail"},
    breaker_choice<&B::key, breaker_key_names>(
        "breaker.key", "whose calls share a circuit, if they bring no `breaker_key`"),
    breaker_choice<&B::rule, breaker_rule_names>("breaker.rule", "what opens a circuit"),
    breaker_number<&B::failures>("breaker.failures", 1, 1'000'000,
                                 "rule consecutive: failures in a row that open it"),
    breaker_number<&B::successes>("breaker.successes", 1, 1000,
                                  "successful trials that close it again"),
    breaker_number<&B::half_open_max>("breaker.half_open_max", 1, 1000,
                                      "trials of a half-open circuit that run at once"),
    breaker_duration<&B::half_open>("breaker.half_open_ms", 1,
                                    "trials that are not decided by then open it again"),
    breaker_duration<&B::open>("breaker.open_ms", 1, "how long it stays open"),
    breaker_duration<&B::open_max>("breaker.open_max_ms", 1,
                                   "longest open period, growth and jitter included"),
    breaker_number<&B::open_growth_percent>(
        "breaker.open_growth_percent", 100, 1000,
        "of the last open period, is the next one, if a trial fails"),
    breaker_number<&B::open_jitter_percent>("breaker.open_jitter_percent", 0, 100,
                                            "an open period may be longer by so much of it"),
    breaker_number<&B::window_calls>("breaker.window_calls", 1, 100'000,
                                     "rule call_rate: the last calls that are looked at"),
    breaker_duration<&B::window>("breaker.window_ms", 1,
                                 "rule time_rate: the time that is looked at"),
    breaker_number<&B::window_slices>("breaker.window_slices", 1, 1000,
                                      "rule time_rate: parts in which that time is forgotten"),
    breaker_number<&B::min_calls>("breaker.min_calls", 1, 100'000,
                                  "the rates: fewer calls in the window open nothing"),
    breaker_number<&B::failure_percent>("breaker.failure_percent", 1, 100,
                                        "the rates: failed calls of a hundred that open it"),
    breaker_duration<&B::slow_call>("breaker.slow_call_ms", 0,
                                    "the rates: a call that takes so long is slow; 0: none is"),
    breaker_number<&B::slow_percent>("breaker.slow_percent", 1, 100,
                                     "the rates: slow calls of a hundred that open it"),
    Descriptor{
        .name = "breaker.caller_errors",
        .kind = Kind::list,
        .unit = {},
        .min = 0,
        .max = 1000,
        .choices = {},
        .names = false,
        .built = true,
        .get = [](const Options& o) -> Value { return o.breaker.caller_errors; },
        .set = [](Options& o, const Value& v) { o.breaker.caller_errors = std::get<List>(v); },
        .doc = "types of a worker's errors that are the caller's mistake: not counted"},
    breaker_number<&B::circuits_max>(
        "breaker.circuits_max", 1, 1'000'000,
        "circuits known at once; a key beyond them is not guarded, unless one is idle"),
};

}  // namespace ordeal::pool::options

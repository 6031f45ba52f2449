// How rows of the table are made for the members of Options::Retry. Only table.cpp includes it.
#pragma once

#include <chrono>

#include "pool/core/names.hpp"
#include "pool/options/choice.hpp"
#include "pool/options/table.hpp"

namespace ordeal::pool::options {

inline constexpr const auto& backoff_names = core::Names<Backoff>::all;

template <std::uint32_t Options::Retry::*Member>
constexpr Descriptor retry_number(std::string_view name, std::int64_t min, std::int64_t max,
                                  std::string_view doc) {
  return {.name = name,
          .kind = Kind::integer,
          .unit = {},
          .min = min,
          .max = max,
          .choices = {},
          .names = false,
          .built = true,
          .get = [](const Options& o) { return Value{std::int64_t{o.retry.*Member}}; },
          .set =
              [](Options& o, const Value& v) {
                o.retry.*Member = static_cast<std::uint32_t>(std::get<std::int64_t>(v));
              },
          .doc = doc};
}

template <std::chrono::milliseconds Options::Retry::*Member>
constexpr Descriptor retry_delay(std::string_view name, std::string_view doc) {
  return {.name = name,
          .kind = Kind::integer,
          .unit = "ms",
          .min = 0,
          .max = 60 * 60 * 1000,
          .choices = {},
          .names = false,
          .built = true,
          .get = [](const Options& o) -> Value {
            return static_cast<std::int64_t>((o.retry.*Member).count());
          },
          .set =
              [](Options& o, const Value& v) {
                o.retry.*Member = std::chrono::milliseconds{std::get<std::int64_t>(v)};
              },
          .doc = doc};
}

inline constexpr Descriptor retry_delays_row{
    .name = "retry.delays_ms",
    .kind = Kind::numbers,
    .unit = "ms",
    .min = 0,
    .max = 60 * 60 * 1000,
    .choices = {},
    .names = false,
    .built = true,
    .get = [](const Options& o) -> Value {
      Numbers numbers;
      for (const auto delay : o.retry.delays) numbers.push_back(delay.count());
      return numbers;
    },
    .set =
        [](Options& o, const Value& v) {
          o.retry.delays.clear();
          for (const std::int64_t n : std::get<Numbers>(v)) o.retry.delays.emplace_back(n);
        },
    .doc = "delays of the `retry.backoff` custom, one after the other; beyond them the last"};

inline constexpr Descriptor backoff_row{
    .name = "retry.backoff",
    .kind = Kind::choice,
    .unit = {},
    .min = 0,
    .max = 0,
    .choices = backoff_names,
    .names = false,
    .built = true,
    .get = [](const Options& o) { return get_choice(o.retry.backoff, backoff_names); },
    .set = [](Options& o, const Value& v) { set_choice(o.retry.backoff, v, backoff_names); },
    .doc = "how the delay grows from retry to retry"};

}  // namespace ordeal::pool::options

// How the table's rows are made, one function for each type of member. Only the table's own files
// include it.
//
// A member is named by its path from Options: number<&Options::size>, or, inside of a group,
// number<&Options::retry, &Options::Retry::max_retries>.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "pool/options/choice.hpp"
#include "pool/options/table.hpp"

namespace ordeal::pool::options {

template <auto... Path>
constexpr auto& member(auto& options) {
  return (options.*....*Path);
}

template <auto... Path>
using Member = std::remove_cvref_t<decltype(member<Path...>(std::declval<Options&>()))>;

// Unsigned values beyond int64 stay themselves, so that a message prints what was given.
template <typename Integer>
Value integer_value(Integer number) {
  if (std::in_range<std::int64_t>(number)) return static_cast<std::int64_t>(number);
  return static_cast<std::uint64_t>(number);
}

template <auto... Path>
constexpr Descriptor number(std::string_view name, std::string_view unit, std::int64_t min,
                            std::int64_t max, std::string_view doc) {
  return {.name = name,
          .kind = Kind::integer,
          .unit = unit,
          .min = min,
          .max = max,
          .choices = {},
          .names = false,
          .get = [](const Options& o) { return integer_value(member<Path...>(o)); },
          .set =
              [](Options& o, const Value& v) {
                member<Path...>(o) = static_cast<Member<Path...>>(std::get<std::int64_t>(v));
              },
          .doc = doc};
}

template <auto... Path>
constexpr Descriptor duration(std::string_view name, std::int64_t min, std::int64_t max,
                              std::string_view doc) {
  return {.name = name,
          .kind = Kind::integer,
          .unit = "ms",
          .min = min,
          .max = max,
          .choices = {},
          .names = false,
          .get = [](const Options& o) -> Value {
            return static_cast<std::int64_t>(member<Path...>(o).count());
          },
          .set =
              [](Options& o, const Value& v) {
                member<Path...>(o) = std::chrono::milliseconds{std::get<std::int64_t>(v)};
              },
          .doc = doc};
}

// Not given: monostate.
template <auto... Path>
constexpr Descriptor optional_duration(std::string_view name, std::int64_t min, std::int64_t max,
                                       std::string_view doc) {
  return {.name = name,
          .kind = Kind::integer,
          .unit = "ms",
          .min = min,
          .max = max,
          .choices = {},
          .names = false,
          .get = [](const Options& o) -> Value {
            const auto& given = member<Path...>(o);
            return given ? Value{static_cast<std::int64_t>(given->count())} : Value{};
          },
          .set =
              [](Options& o, const Value& v) {
                const auto* number = std::get_if<std::int64_t>(&v);
                member<Path...>(o) = number == nullptr
                                         ? std::nullopt
                                         : std::optional{std::chrono::milliseconds{*number}};
              },
          .doc = doc};
}

// Members whose type is the Value's own alternative: bool, string, list, table.
template <auto... Path>
constexpr Descriptor plain(std::string_view name, Kind kind, std::int64_t min, std::int64_t max,
                           std::string_view doc) {
  return {
      .name = name,
      .kind = kind,
      .unit = {},
      .min = min,
      .max = max,
      .choices = {},
      .names = false,
      .get = [](const Options& o) -> Value { return member<Path...>(o); },
      .set = [](Options& o, const Value& v) { member<Path...>(o) = std::get<Member<Path...>>(v); },
      .doc = doc};
}

template <const auto& Names, auto... Path>
constexpr Descriptor choice(std::string_view name, std::string_view doc) {
  return {.name = name,
          .kind = Kind::choice,
          .unit = {},
          .min = 0,
          .max = 0,
          .choices = Names,
          .names = false,
          .get = [](const Options& o) { return get_choice(member<Path...>(o), Names); },
          .set = [](Options& o, const Value& v) { set_choice(member<Path...>(o), v, Names); },
          .doc = doc};
}

}  // namespace ordeal::pool::options

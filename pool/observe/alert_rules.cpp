// The reporter's settings: their names, their ranges, their text.
#include <charconv>

#include <fmt/format.h>

#include "ordeal/pool/reporter.hpp"

namespace ordeal::pool {
namespace {

struct RuleRow {
  std::string_view name;
  std::uint64_t min;
  std::uint64_t max;
  std::uint64_t (*get)(const AlertRules&);
  void (*set)(AlertRules&, std::uint64_t);
};

template <std::uint32_t AlertRules::*member>
constexpr RuleRow number(std::string_view name, std::uint64_t min, std::uint64_t max) {
  return {name, min, max, [](const AlertRules& rules) -> std::uint64_t { return rules.*member; },
          [](AlertRules& rules, std::uint64_t value) {
            rules.*member = static_cast<std::uint32_t>(value);
          }};
}
template <std::chrono::milliseconds AlertRules::*member>
constexpr RuleRow duration(std::string_view name, std::uint64_t min, std::uint64_t max) {
  // A negative one becomes a huge one: out of range, too.
  return {
      name, min, max,
      [](const AlertRules& rules) { return static_cast<std::uint64_t>((rules.*member).count()); },
      [](AlertRules& rules, std::uint64_t value) {
        rules.*member = std::chrono::milliseconds{value};
      }};
}

constexpr std::uint64_t day_ms = 86'400'000;
constexpr RuleRow rows[] = {
    number<&AlertRules::warn_permille>("warn_permille", 1, 1000),
    number<&AlertRules::critical_permille>("critical_permille", 1, 1000),
    number<&AlertRules::requests_min>("requests_min", 1, 1'000'000),
    duration<&AlertRules::window>("window_ms", 1, day_ms),
    number<&AlertRules::circuits_open_max>("circuits_open_max", 1, 1000),
    duration<&AlertRules::cooldown>("cooldown_ms", 0, day_ms),
    number<&AlertRules::history_max>("history_max", 1, 10'000),
};

tl::unexpected<Error> invalid(std::string message) {
  return tl::unexpected(make_error(ErrorCode::invalid_option, std::move(message)));
}

Result<void> check(const RuleRow& row, std::uint64_t value) {
  if (value >= row.min && value <= row.max) return {};
  return invalid(fmt::format("alert rule {}: {} is out of range, allowed {} to {}", row.name,
                             static_cast<std::int64_t>(value), row.min, row.max));
}

}  // namespace

Result<void> AlertRules::validate() const {
  for (const RuleRow& row : rows) {
    if (auto fits = check(row, row.get(*this)); !fits) return fits;
  }
  if (critical_permille >= warn_permille) return {};
  return invalid(fmt::format("alert rule critical_permille: {} is less than warn_permille, {}",
                             critical_permille, warn_permille));
}

Result<void> AlertRules::set(std::string_view name, std::string_view value) {
  std::string names;
  for (const RuleRow& row : rows) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
    if (row.name != name) continue;
    std::uint64_t number = 0;
    const char* end = value.data() + value.size();
    const auto [stopped, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc{} || stopped != end) {
      return invalid(fmt::format("alert rule {}: {} is no number, allowed {} to {}", name, value,
                                 row.min, row.max));
    }
    return check(row, number).map([&] { row.set(*this, number); });
  }
  return invalid(fmt::format("alert rule {}: there is none, only {}", name, names));
}

}  // namespace ordeal::pool

// validate() and the two printers. Reading is in options_toml.cpp.
#include "ordeal/pool/options.hpp"

#include <fmt/format.h>

#include <utility>

#include "pool/options/table.hpp"

namespace ordeal::pool {
namespace {

using options::Descriptor;
using options::Kind;

// One host's worth of Python processes, many times over; a slip of the keyboard stops here.
constexpr std::uint64_t workers_max = 1024;

tl::unexpected<Error> refused(std::string message) {
  return tl::unexpected(make_error(ErrorCode::invalid_option, std::move(message)));
}

std::string allowed(const Descriptor& option) {
  switch (option.kind) {
    case Kind::boolean:
      return "`true`, `false`";
    case Kind::integer:
      return fmt::format("{} to {}{}{}", option.min, option.max, option.unit.empty() ? "" : " ",
                         option.unit);
    case Kind::seed:
      return fmt::format("0 to {}", UINT64_MAX);
    case Kind::text:
      return fmt::format("{} to {} bytes", option.min, option.max);
    case Kind::choice:
      return fmt::format("`{}`", fmt::join(option.choices, "`, `"));
    case Kind::list:
      return fmt::format("{} to {} strings", option.min, option.max);
    case Kind::numbers:
      return fmt::format("up to {} numbers, each {} to {}{}{}", options::numbers_max, option.min,
                         option.max, option.unit.empty() ? "" : " ", option.unit);
    case Kind::table:
      return fmt::format("{} to {} entries", option.min, option.max);
  }
  return {};
}

Result<void> validate_breaker(const Options::Breaker& breaker) {
  if (breaker.open > breaker.open_max)
    return refused(
        fmt::format("option breaker.open_ms: {} is more than breaker.open_max_ms, which is {}",
                    breaker.open.count(), breaker.open_max.count()));
  if (breaker.rule == BreakerRule::call_rate && breaker.min_calls > breaker.window_calls)
    return refused(
        fmt::format("option breaker.min_calls: {} is more than breaker.window_calls, which is {}",
                    breaker.min_calls, breaker.window_calls));
  if (std::cmp_less(breaker.window.count(), breaker.window_slices))
    return refused(
        fmt::format("option breaker.window_slices: {} is more than breaker.window_ms, which is {}",
                    breaker.window_slices, breaker.window.count()));
  if (breaker.rule == BreakerRule::consecutive && breaker.slow_call.count() != 0)
    return refused(
        fmt::format("option breaker.slow_call_ms: {} has no meaning with the rule consecutive",
                    breaker.slow_call.count()));
  return {};
}

}  // namespace

Result<void> validate(const Options& options) {
  for (const Descriptor& row : options::descriptors())
    if (auto error = options::check(row, row.get(options))) return tl::unexpected(*error);

  if (options.command.front().empty())
    return refused("option command: the first string, the program's name, is empty");
  if (std::uint64_t{options.size} + options.overflow > workers_max)
    return refused(
        fmt::format("options size and overflow: {} + {} is out of range, allowed 1 to {}",
                    options.size, options.overflow, workers_max));
  if (options.start_backoff_base > options.start_backoff_max)
    return refused(fmt::format(
        "option start_backoff_base_ms: {} is more than start_backoff_max_ms, which is {}",
        options.start_backoff_base.count(), options.start_backoff_max.count()));
  if (options.warm_spares > 0 && !options.fork_template)
    return refused(fmt::format("option warm_spares: {} needs fork_template, allowed without it: 0",
                               options.warm_spares));
  // Workers of one template share its command line; each is told its id in the start-up ping.
  if (options.fork_template)
    for (const std::string& argument : options.command)
      if (argument.find("{worker_id}") != std::string::npos)
        return refused(
            fmt::format("option command: {} has {{worker_id}}, not allowed with "
                        "fork_template: the start-up ping tells each worker its id",
                        options::in_quotes(argument, 80)));
  constexpr std::string_view sqlite = "sqlite:";
  if (options.session_store != "memory" &&
      (!options.session_store.starts_with(sqlite) || options.session_store.size() == sqlite.size()))
    return refused(fmt::format("option session_store: {} is neither memory nor sqlite:PATH",
                               options::in_quotes(options.session_store, 80)));
  if (options.retry.base_delay > options.retry.max_delay)
    return refused(
        fmt::format("option retry.base_delay_ms: {} is more than retry.max_delay_ms, which is {}",
                    options.retry.base_delay.count(), options.retry.max_delay.count()));
  if (options.retry.backoff == Backoff::custom && options.retry.delays.empty())
    return refused("option retry.delays_ms: empty, the retry.backoff custom needs 1 to 16 delays");
  if (options.limit.max != 0 && options.limit.min > options.limit.max)
    return refused(fmt::format("option limit.min: {} is more than limit.max, which is {}",
                               options.limit.min, options.limit.max));
  if (options.outliers.time > options.outliers.time_max)
    return refused(
        fmt::format("option outliers.time_ms: {} is more than outliers.time_max_ms, which is {}",
                    options.outliers.time.count(), options.outliers.time_max.count()));
  return validate_breaker(options.breaker);
}

std::string to_toml(const Options& options) {
  std::string out;
  for (const Descriptor& row : options::descriptors()) {
    const options::Value value = row.get(options);
    if (std::holds_alternative<std::monostate>(value))
      out += fmt::format("# {} is not given\n", row.name);
    else
      out += fmt::format("{} = {}\n", row.name, options::to_text(value));
  }
  return out;
}

std::string describe_options() {
  std::string out = "| Option | Default | Allowed | Meaning |\n|---|---|---|---|\n";
  const Options defaults;
  for (const Descriptor& row : options::descriptors()) {
    const std::string text = options::to_text(row.get(defaults));
    out += fmt::format("| `{}` | {} | {} | {} |\n", row.name,
                       text.empty() ? "none" : fmt::format("`{}`", text), allowed(row), row.doc);
  }
  return out;
}

}  // namespace ordeal::pool

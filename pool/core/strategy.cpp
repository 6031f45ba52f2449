// The tables behind ordeal/pool/strategy.hpp.
#include "ordeal/pool/strategy.hpp"

#include <algorithm>
#include <span>

namespace ordeal::pool {
namespace {

using enum Strategy;

constexpr std::size_t category_count = static_cast<std::size_t>(ErrorCategory::system) + 1;

// By severity, from warning to critical.
struct Row {
  ErrorCategory category;
  std::array<Strategy, 4> by_severity;
};

constexpr std::array<Row, category_count> table{{
    {ErrorCategory::initialization, {circuit_break, circuit_break, circuit_break, circuit_break}},
    {ErrorCategory::connection, {backoff_retry, backoff_retry, backoff_retry, circuit_break}},
    {ErrorCategory::communication,
     {immediate_retry, immediate_retry, immediate_retry, immediate_retry}},
    {ErrorCategory::timeout, {backoff_retry, backoff_retry, backoff_retry, backoff_retry}},
    {ErrorCategory::resource, {abandon, abandon, failover, circuit_break}},
    {ErrorCategory::health_check, {backoff_retry, backoff_retry, backoff_retry, backoff_retry}},
    {ErrorCategory::session, {immediate_retry, immediate_retry, immediate_retry, immediate_retry}},
    {ErrorCategory::python, {failover, failover, failover, failover}},
    {ErrorCategory::system, {abandon, abandon, abandon, abandon}},
}};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].category) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enum());

constexpr std::uint32_t critical_attempts_max = 2;
constexpr std::uint32_t attempts_before_a_step_up = 3;

constexpr std::array<std::uint16_t, 3> immediate_delays_ms{0, 100, 200};
constexpr std::array<std::uint16_t, 5> backoff_delays_ms{1000, 2000, 4000, 8000, 16000};
constexpr std::array<std::uint16_t, 1> other_delays_ms{1000};

constexpr std::span<const std::uint16_t> delays_ms(Strategy strategy) {
  switch (strategy) {
    case immediate_retry:
      return immediate_delays_ms;
    case backoff_retry:
      return backoff_delays_ms;
    case circuit_break:
    case failover:
    case abandon:
      break;
  }
  return other_delays_ms;
}

Severity step_up(Severity severity) {
  if (severity == Severity::warning || severity == Severity::critical) return severity;
  return severity == Severity::minor ? Severity::major : Severity::critical;
}

// Texts of workers and callers may hold line breaks; a log's reader must not take them for ours.
void add_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value.empty() ? std::string_view{"n/a"} : value) {
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  out += '\n';
}

std::string_view sentence(const Error& error) {
  if (error.application || error.message.empty()) return traits(error.code).meaning;
  return error.message;
}

}  // namespace

Severity severity_in(Severity base, const ErrorContext& context) {
  if (context.severity) return *context.severity;
  Severity gravest = base;
  if (context.attempt > attempts_before_a_step_up) gravest = std::max(gravest, step_up(base));
  if (context.user_facing && base == Severity::minor) gravest = std::max(gravest, Severity::major);
  return context.affecting_all_workers ? Severity::critical : gravest;
}

Severity severity_of(const Error& error, const ErrorContext& context) {
  return severity_in(error.severity(), context);
}

Strategy strategy_for(ErrorCategory category, Severity severity, std::uint32_t attempt) {
  if (severity == Severity::critical && attempt > critical_attempts_max) return abandon;
  return table[static_cast<std::size_t>(category)].by_severity[static_cast<std::size_t>(severity)];
}

Strategy strategy_for(const Error& error, const ErrorContext& context) {
  if (is_callers_mistake(error.code)) return abandon;
  const Strategy told =
      strategy_for(error.category(), severity_of(error, context), context.attempt);
  switch (told) {
    case immediate_retry:
    case backoff_retry:
      return error.retryable() && may_run_again(error, context) ? told : abandon;
    case failover:  // elsewhere what is not retryable here may well succeed
      return may_run_again(error, context) ? told : abandon;
    case circuit_break:
    case abandon:
      break;
  }
  return told;
}

bool may_run_again(const Error& error, const ErrorContext& context) {
  return error.certainty() == Certainty::failed || context.idempotent;
}

bool is_callers_mistake(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_option:
    case ErrorCode::not_built_yet:
    case ErrorCode::invalid_arguments:
    case ErrorCode::unencodable_arguments:
    case ErrorCode::request_too_large:
    case ErrorCode::unrepresentable_value:
    case ErrorCode::session_not_found:
    case ErrorCode::session_exists:
    case ErrorCode::invalid_session:
    case ErrorCode::would_deadlock:
    case ErrorCode::used_after_fork:
    case ErrorCode::roll_failed:  // the operator's: trying the same again is for nobody else
    case ErrorCode::roll_in_progress:
    case ErrorCode::worker_not_found:
      return true;
    default:
      return false;
  }
}

bool should_retry(Strategy strategy, std::uint32_t attempt) {
  switch (strategy) {
    case immediate_retry:
      return attempt <= 3;
    case backoff_retry:
      return attempt <= 5;
    case failover:
      return attempt <= 1;
    case circuit_break:
    case abandon:
      break;
  }
  return false;
}

std::chrono::milliseconds retry_delay(Strategy strategy, std::uint32_t attempt) {
  const auto delays = delays_ms(strategy);
  const std::size_t nth = std::min<std::size_t>(std::max(attempt, 1U), delays.size());
  return std::chrono::milliseconds{delays[nth - 1]};
}

RetryPolicy retry_policy(Strategy strategy) {
  RetryPolicy policy;
  if (strategy != immediate_retry && strategy != backoff_retry) return policy;
  policy.backoff = Backoff::custom;
  policy.jitter_percent = 0;
  while (should_retry(strategy, policy.max_retries + 1)) {
    policy.delays.add(retry_delay(strategy, ++policy.max_retries));
  }
  return policy;
}

std::string describe(const Error& error, const ErrorContext& context) {
  std::string out;
  add_line(out, to_string(error.code), sentence(error));
  if (error.application) add_line(out, "type", error.application->type);
  add_line(out, "category", to_string(error.category()));
  add_line(out, "severity", to_string(severity_of(error, context)));
  add_line(out, "certainty", to_string(error.certainty()));
  add_line(out, "strategy", to_string(strategy_for(error, context)));
  add_line(out, "worker", error.worker ? std::to_string(*error.worker) : std::string{});
  add_line(out, "session", context.session);
  add_line(out, "attempt", std::to_string(context.attempt));
  add_line(out, "label", error.label);
  if (error.certificate) add_line(out, "death", error.certificate->summary());
  return out;
}

}  // namespace ordeal::pool

// The tables behind recovery_plan() and recovery_deadline() of ordeal/pool/recovery_plan.hpp.
#include "ordeal/pool/recovery_plan.hpp"

#include <array>

namespace ordeal::pool {
namespace {

using namespace std::chrono_literals;
using enum RecoveryAction;

constexpr RecoveryPlan tries(std::uint32_t attempts, Backoff backoff) {
  return {.action = retry, .retry = {.max_retries = attempts - 1, .backoff = backoff}};
}
constexpr RecoveryPlan breaks(std::string_view circuit) {
  return {.action = circuit_break, .circuit = circuit};
}
constexpr RecoveryPlan elsewhere{.action = failover};
constexpr RecoveryPlan nothing{.action = abandon};
constexpr auto linear = Backoff::linear;
constexpr auto exponential = Backoff::exponential;

struct Row {
  ErrorCategory category;
  RecoveryPlan critical;
  RecoveryPlan major;
  RecoveryPlan minor;
};

constexpr std::array<Row, 9> table{{
    {ErrorCategory::initialization, breaks("worker_initialization"), tries(3, exponential),
     tries(2, linear)},
    {ErrorCategory::connection, breaks("pool_connections"), tries(5, exponential),
     tries(3, linear)},
    {ErrorCategory::communication, breaks("communication_failures"), tries(3, exponential),
     tries(3, linear)},
    {ErrorCategory::timeout, nothing, tries(2, exponential), tries(3, linear)},
    {ErrorCategory::resource, breaks("pool_resources"), elsewhere, tries(2, linear)},
    {ErrorCategory::health_check, nothing, tries(2, exponential), tries(3, linear)},
    {ErrorCategory::session, nothing, tries(2, linear), tries(3, linear)},
    {ErrorCategory::python, elsewhere, elsewhere, tries(2, linear)},
    {ErrorCategory::system, nothing, nothing, nothing},
}};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].category) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enum());

const RecoveryPlan& in_table(ErrorCategory category, Severity severity) {
  const Row& row = table[static_cast<std::size_t>(category)];
  switch (severity) {
    case Severity::critical:
      return row.critical;
    case Severity::minor:
      return row.minor;
    case Severity::major:
    case Severity::warning:  // not in the table
      break;
  }
  return row.major;
}

}  // namespace

RecoveryPlan recovery_plan(const Error& error, const ErrorContext& context) {
  if (is_callers_mistake(error.code)) return nothing;
  const RecoveryPlan plan = in_table(error.category(), severity_of(error, context));
  const bool may_run = may_run_again(error, context);
  if (plan.action == retry && !(may_run && error.retryable())) return nothing;
  if (plan.action == failover && !may_run) return nothing;
  return plan;
}

std::chrono::milliseconds recovery_deadline(Severity severity, bool user_facing) {
  const auto whole = [severity]() -> std::chrono::milliseconds {
    switch (severity) {
      case Severity::critical:
        return 5s;
      case Severity::major:
        return 30s;
      case Severity::minor:
        return 60s;
      case Severity::warning:
        break;
    }
    return 10s;
  }();
  return user_facing ? whole / 2 : whole;
}

std::string_view to_string(RecoveryAction action) {
  constexpr std::array<std::string_view, 5> names{"retry", "failover", "circuit_break", "abandon",
                                                  "custom"};
  return names[static_cast<std::size_t>(action)];
}

std::string_view to_string(RecoveryOutcome outcome) {
  constexpr std::array<std::string_view, 4> names{"succeeded", "failed", "cancelled", "timed_out"};
  return names[static_cast<std::size_t>(outcome)];
}

}  // namespace ordeal::pool

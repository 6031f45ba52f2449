#include "pool/observe/alert_machine.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ordeal/pool/breaker.hpp"
#include "pool/core/names.hpp"

namespace ordeal::pool::observe {
namespace {

// What says nothing of the pool's health: the caller's or the stop's own doing.
bool called_off(ErrorCode code) {
  switch (code) {
    case ErrorCode::cancelled:
    case ErrorCode::cancelled_in_flight:
    case ErrorCode::pool_stopping:
    case ErrorCode::stopped_in_flight:
      return true;
    default:
      return false;
  }
}

// The events that open or close a circuit. To add one: a row.
struct CircuitRow {
  core::Occurrence what;
  bool (*is_open)(const PoolEvent&);  // behind the event
  std::string (*name)(const PoolEvent&);
};
bool always(const PoolEvent&) { return true; }
bool never(const PoolEvent&) { return false; }
std::string start_circuit(const PoolEvent&) { return "start"; }
// A circuit that is tried out is open still: its trouble is not over.
bool breaker_is_open(const PoolEvent& event) {
  return event.to == to_string(CircuitState::open) ||
         event.to == to_string(CircuitState::half_open) ||
         event.to == to_string(CircuitState::forced_open);
}
std::string breaker(const PoolEvent& event) { return fmt::format("breaker {}", event.breaker); }
constexpr CircuitRow circuit_rows[] = {
    {core::Occurrence::start_circuit_opened, always, start_circuit},
    {core::Occurrence::start_circuit_closed, never, start_circuit},
    {core::Occurrence::breaker_opened, breaker_is_open, breaker},
    {core::Occurrence::breaker_reopened, breaker_is_open, breaker},
    {core::Occurrence::breaker_half_opened, breaker_is_open, breaker},
    {core::Occurrence::breaker_closed, breaker_is_open, breaker},
    {core::Occurrence::breaker_ordered, breaker_is_open, breaker},
};

std::string percent(std::uint64_t permille) {
  return fmt::format("{}.{} %", permille / 10, permille % 10);
}

}  // namespace

std::vector<Alert> AlertMachine::feed(const PoolEvent& event) {
  std::vector<Alert> alerts;
  const std::chrono::nanoseconds now = event.at.time_since_epoch();
  if (event.what == core::name_of(core::Occurrence::request_resolved)) {
    if (!called_off(event.code)) {
      const bool error = event.code != ErrorCode::none;
      ++counts_.requests;
      counts_.errors += static_cast<std::uint64_t>(error);
      window_.add(now, error);
    }
  } else {
    window_.advance(now);
    for (const CircuitRow& row : circuit_rows) {
      if (event.what == core::name_of(row.what)) {
        change_circuit(event.at, row.name(event), row.is_open(event), alerts);
      }
    }
  }
  judge_rate(event.at, alerts);
  judge_circuits(event.at, alerts);
  return alerts;
}

std::vector<Alert> AlertMachine::circuit(TimePoint at, const std::string& name, bool open) {
  std::vector<Alert> alerts;
  window_.advance(at.time_since_epoch());
  change_circuit(at, name, open, alerts);
  judge_rate(at, alerts);
  judge_circuits(at, alerts);
  return alerts;
}

void AlertMachine::change_circuit(TimePoint at, const std::string& name, bool open,
                                  std::vector<Alert>& alerts) {
  if (!open) {
    if (open_.erase(name) > 0) {
      tell({.kind = AlertKind::circuit_opened,
            .recovered = true,
            .at = at,
            .circuit = name,
            .message = fmt::format("circuit {} closed", name)},
           alerts);
    }
  } else if (open_.size() < circuits_max && open_.insert(name).second) {
    tell({.kind = AlertKind::circuit_opened,
          .at = at,
          .circuit = name,
          .message = fmt::format("circuit {} opened", name)},
         alerts);
  }
}

void AlertMachine::judge_circuits(TimePoint at, std::vector<Alert>& alerts) {
  const bool many = open_.size() >= rules_.circuits_open_max;
  bool& before = true_now_[static_cast<std::size_t>(AlertKind::circuits_open)];
  const bool newly = many && !std::exchange(before, many);
  if (many) {
    raise(
        AlertKind::circuits_open, at, newly,
        [&] { return fmt::format("{} circuits are open", open_.size()); }, alerts);
  } else {
    recover(
        AlertKind::circuits_open, at,
        [&] {
          return fmt::format("{} circuits are open, fewer than {}", open_.size(),
                             rules_.circuits_open_max);
        },
        alerts);
  }
}

void AlertMachine::judge_rate(TimePoint at, std::vector<Alert>& alerts) {
  if (window_.requests() < rules_.requests_min) return;  // (2)
  const auto reaches = [&](std::uint32_t permille) {
    return window_.errors() * 1000 >= window_.requests() * permille;
  };
  const auto newly = [&](AlertKind kind, bool now) {
    return now && !std::exchange(true_now_[static_cast<std::size_t>(kind)], now);
  };
  const bool critical = reaches(rules_.critical_permille);
  const bool warning = reaches(rules_.warn_permille) && !critical;
  true_now_[static_cast<std::size_t>(AlertKind::error_rate_critical)] &= critical;
  true_now_[static_cast<std::size_t>(AlertKind::error_rate_warning)] &= warning;
  if (critical) {
    raise(
        AlertKind::error_rate_critical, at, newly(AlertKind::error_rate_critical, true),
        [&] {
          return fmt::format("error rate {} reached {}", rate_text(),
                             percent(rules_.critical_permille));
        },
        alerts);
  } else if (warning) {
    raise(
        AlertKind::error_rate_warning, at, newly(AlertKind::error_rate_warning, true),
        [&] {
          return fmt::format("error rate {} reached {}", rate_text(),
                             percent(rules_.warn_permille));
        },
        alerts);
  } else {
    // One notice for both: the worse one that was told.
    const bool was_critical = told(AlertKind::error_rate_critical).told;
    if (was_critical) told(AlertKind::error_rate_warning).told = false;
    recover(
        was_critical ? AlertKind::error_rate_critical : AlertKind::error_rate_warning, at,
        [&] {
          return fmt::format("error rate {} is below {}", rate_text(),
                             percent(rules_.warn_permille));
        },
        alerts);
  }
}

template <typename Message>
void AlertMachine::raise(AlertKind kind, TimePoint at, bool newly, const Message& message,
                         std::vector<Alert>& alerts) {
  Told& state = told(kind);
  if (state.last && at - *state.last < rules_.cooldown) {
    if (newly) ++counts_.suppressed;
    return;
  }
  state = {true, at};
  tell({.kind = kind, .at = at, .message = message()}, alerts);
}

template <typename Message>
void AlertMachine::recover(AlertKind kind, TimePoint at, const Message& message,
                           std::vector<Alert>& alerts) {
  if (!std::exchange(told(kind).told, false)) return;
  tell({.kind = kind, .recovered = true, .at = at, .message = message()}, alerts);
}

void AlertMachine::tell(Alert alert, std::vector<Alert>& alerts) {
  alert.requests = window_.requests();
  alert.errors = window_.errors();
  alert.circuits = static_cast<std::uint32_t>(open_.size());
  ++counts_.alerts;
  history_.push_back(alert);
  if (history_.size() > rules_.history_max) history_.pop_front();
  alerts.push_back(std::move(alert));
}

std::string AlertMachine::rate_text() const {
  return fmt::format("{} ({} of {} requests in {} s)",
                     percent(window_.errors() * 1000 / window_.requests()), window_.errors(),
                     window_.requests(), static_cast<double>(rules_.window.count()) / 1000);
}

Reporter::Stats AlertMachine::stats() const {
  Reporter::Stats stats;
  stats.requests = counts_.requests;
  stats.errors = counts_.errors;
  stats.window_requests = window_.requests();
  stats.window_errors = window_.errors();
  stats.circuits_open = static_cast<std::uint32_t>(open_.size());
  stats.alerts = counts_.alerts;
  stats.suppressed = counts_.suppressed;
  return stats;
}

Reporter::Stats AlertMachine::reset_stats() {
  const Reporter::Stats before = stats();
  counts_ = {};
  return before;
}

}  // namespace ordeal::pool::observe

// The reporter: the rules under a lock, and an outlet for each destination.
#include "ordeal/pool/reporter.hpp"

#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "pool/observe/alert_machine.hpp"
#include "pool/observe/outlet.hpp"

namespace ordeal::pool {

// Held by sinks, too: after close() they still count, and their alerts are dropped.
struct Reporter::State {
  explicit State(const AlertRules& rules) : machine(rules) {}

  // Under the lock, so that all destinations hear of alerts in the order of the events.
  void tell(const Alert& alert) {
    for (const auto& outlet : outlets) outlet->offer(alert);
  }

  std::mutex mutex;
  observe::AlertMachine machine;
  std::vector<std::unique_ptr<observe::Outlet>> outlets;  // not changed after start()
  std::mutex closing;
};

Result<Reporter> Reporter::start(const AlertRules& rules,
                                 std::vector<AlertDestination> destinations) {
  if (auto valid = rules.validate(); !valid) return tl::unexpected(std::move(valid.error()));
  for (const AlertDestination& destination : destinations) {
    if (destination.deliver) continue;
    return tl::unexpected(
        make_error(ErrorCode::invalid_option,
                   fmt::format("alert destination {}: it has no function", destination.name)));
  }
  auto state = std::make_shared<State>(rules);
  for (AlertDestination& destination : destinations) {
    state->outlets.push_back(std::make_unique<observe::Outlet>(std::move(destination)));
  }
  return Reporter{std::move(state)};
}

Reporter::Reporter(std::shared_ptr<State> state) : state_(std::move(state)) {}
Reporter::Reporter(Reporter&&) noexcept = default;

Reporter& Reporter::operator=(Reporter&& other) noexcept {
  if (this == &other) return *this;
  if (state_) close(close_patience);
  state_ = std::move(other.state_);
  return *this;
}

Reporter::~Reporter() {
  if (state_) close(close_patience);
}

Sink Reporter::sink() const {
  return [state = state_](const PoolEvent& event) {
    const std::lock_guard lock{state->mutex};
    for (const Alert& alert : state->machine.feed(event)) state->tell(alert);
  };
}

Reporter::Stats Reporter::stats() const {
  Stats stats;
  {
    const std::lock_guard lock{state_->mutex};
    stats = state_->machine.stats();
  }
  for (const auto& outlet : state_->outlets) stats.destinations.push_back(outlet->stats());
  return stats;
}

Reporter::Stats Reporter::reset_stats() {
  Stats stats;
  {
    const std::lock_guard lock{state_->mutex};
    stats = state_->machine.reset_stats();
  }
  for (const auto& outlet : state_->outlets) stats.destinations.push_back(outlet->reset_stats());
  return stats;
}

std::vector<Alert> Reporter::history() const {
  const std::lock_guard lock{state_->mutex};
  const auto& history = state_->machine.history();
  return {history.begin(), history.end()};
}

void Reporter::send_test_alert() {
  const std::lock_guard lock{state_->mutex};
  state_->tell({.kind = AlertKind::test,
                .at = std::chrono::steady_clock::now(),
                .message = "a test: nothing is wrong"});
}

void Reporter::close(std::chrono::milliseconds patience) {
  const runtime::Instant deadline = runtime::now() + patience;
  const std::lock_guard closing{state_->closing};
  for (const auto& outlet : state_->outlets) outlet->begin_close();
  for (const auto& outlet : state_->outlets) outlet->close(deadline);
}

}  // namespace ordeal::pool

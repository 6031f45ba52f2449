#include "chaos/experiment/heard.hpp"

#include <fmt/format.h>

#include <utility>

namespace ordeal::chaos {

void HeardPool::take(const pool::PoolEvent& event) {
  // Transitions between ready and busy are the daily business of each call.
  const bool work = event.to == "busy" || (event.to == "ready" && event.from == "busy");
  const bool request = event.what.starts_with("request_");
  {
    const std::lock_guard lock{mutex_};
    auto count = counts_.find(event.what);
    if (count == counts_.end()) count = counts_.emplace(event.what, 0).first;
    ++count->second;
    if (work || request) return;
    heard_.events.push_back(event);
  }
  wake.notify();
}

void HeardPool::take(const pool::Alert& alert) {
  const std::string name =
      fmt::format("alert_{}{}", to_string(alert.kind), alert.recovered ? "_recovered" : "");
  {
    const std::lock_guard lock{mutex_};
    ++counts_[name];
    heard_.alerts.push_back(alert);
  }
  wake.notify();
}

Heard HeardPool::drain() {
  const std::lock_guard lock{mutex_};
  return std::exchange(heard_, {});
}

std::map<std::string, std::uint64_t> HeardPool::counts() {
  const std::lock_guard lock{mutex_};
  return {counts_.begin(), counts_.end()};
}

pool::Result<void> start_heard(const std::shared_ptr<HeardPool>& held, const pool::Options& options,
                               const std::optional<pool::AlertRules>& rules,
                               std::optional<pool::Reporter>& reporter) {
  std::vector<pool::Sink> sinks{[held](const pool::PoolEvent& event) { held->take(event); }};
  if (rules) {
    auto started = pool::Reporter::start(
        *rules, {{"chaos", [held](const pool::Alert& alert) { held->take(alert); }}});
    if (!started) return tl::unexpected(std::move(started.error()));
    reporter.emplace(std::move(*started));
    sinks.push_back(reporter->sink());
  }
  auto started = pool::Pool::start(options, std::move(sinks));
  if (!started) return tl::unexpected(std::move(started.error()));
  held->pool.emplace(std::move(*started));
  return {};
}

}  // namespace ordeal::chaos

#include "testing/helpers/performance_monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "pool/runtime/clock.hpp"

namespace ordeal::trial {

using pool::PoolEvent;
using pool::Status;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

namespace {

// For events that are on their way when the observation ends.
constexpr std::chrono::seconds last_events_wait{2};

std::uint64_t resolved_of(const Status& s) {
  return s.ok + s.failed + s.timed_out + s.rejected + s.shed + s.cancelled;
}

bool is_live(std::string_view state) {
  return state == "ready" || state == "busy" || state == "degraded";
}

// The smallest of the values that `percent` of them do not exceed. REQUIRES: sorted.
nanoseconds quantile(const std::vector<nanoseconds>& values, std::size_t percent) {
  if (values.empty()) return {};
  return values[std::max<std::size_t>((values.size() * percent + 99) / 100, 1) - 1];
}

}  // namespace

struct PerformanceMonitor::Seen {
  std::mutex mutex;  // guards all but `word`
  pool::runtime::WakeWord word;
  std::vector<nanoseconds> durations;
  std::uint64_t ok = 0;
  std::uint64_t retries = 0;
  std::map<std::uint64_t, std::string_view> states;  // by worker
  steady_clock::time_point began;
  steady_clock::time_point counted_to;
  nanoseconds live{};
  nanoseconds busy{};
  std::uint64_t resolved_before = 0;
  std::uint64_t dropped_before = 0;
  bool over = false;
  Performance result;

  void count_to(steady_clock::time_point at) {
    if (at <= counted_to) return;
    for (const auto& [worker, state] : states) {
      live += is_live(state) ? at - counted_to : nanoseconds{};
      busy += state == "busy" ? at - counted_to : nanoseconds{};
    }
    counted_to = at;
  }

  void heed(const PoolEvent& event) {
    if (event.what == "request_resolved") {
      durations.push_back(event.duration);
      ok += event.code == pool::ErrorCode::none ? 1 : 0;
    } else if (event.what == "request_retry_scheduled") {
      ++retries;
    } else if (event.what == "worker_transition") {
      count_to(event.at);
      states[event.worker] = event.to;
    }
  }
};

PerformanceMonitor::PerformanceMonitor(pool::Pool& pool)
    : pool_(pool), seen_(std::make_shared<Seen>()) {
  // Whatever is told before the status has been read waits here, and is newer than that or as old.
  const std::lock_guard lock{seen_->mutex};
  subscription_ = pool.subscribe([seen = seen_](const PoolEvent& event) {
    {
      const std::lock_guard inner{seen->mutex};
      seen->heed(event);
    }
    seen->word.notify();
  });
  const Status status = pool.status();
  seen_->began = seen_->counted_to = steady_clock::now();
  seen_->resolved_before = resolved_of(status);
  seen_->dropped_before = status.events_dropped;
  for (const pool::WorkerStatus& worker : status.workers) {
    seen_->states[worker.worker] = worker.state;
  }
}

PerformanceMonitor::~PerformanceMonitor() = default;

Performance PerformanceMonitor::stop() {
  Seen& seen = *seen_;
  const Status status = pool_.status();
  const auto ended = steady_clock::now();
  const auto until = pool::core::after(pool::runtime::now(), last_events_wait);
  const std::uint64_t dropped = status.events_dropped - seen.dropped_before;
  while (dropped == 0) {
    const std::uint32_t ticket = seen.word.ticket();
    {
      const std::lock_guard lock{seen.mutex};
      const bool all = seen.durations.size() >= resolved_of(status) - seen.resolved_before;
      if (seen.over || all || pool::runtime::now() >= until) break;
    }
    seen.word.wait_until(until, ticket);
  }
  subscription_.reset();
  const std::lock_guard lock{seen.mutex};
  if (seen.over) return seen.result;
  seen.over = true;
  seen.count_to(ended);
  std::sort(seen.durations.begin(), seen.durations.end());
  const nanoseconds observed = ended - seen.began;
  const std::chrono::duration<double> in_seconds = observed;
  const auto part = [](nanoseconds some, nanoseconds all) {
    return all.count() > 0 ? static_cast<double>(some.count()) / static_cast<double>(all.count())
                           : 0.0;
  };
  seen.result = {.resolved = seen.durations.size(),
                 .ok = seen.ok,
                 .retries = seen.retries,
                 .events_dropped = dropped,
                 .observed = observed,
                 .p50 = quantile(seen.durations, 50),
                 .p95 = quantile(seen.durations, 95),
                 .p99 = quantile(seen.durations, 99),
                 .max = quantile(seen.durations, 100),
                 .per_second = static_cast<double>(seen.durations.size()) / in_seconds.count(),
                 .utilisation = part(seen.busy, seen.live)};
  return seen.result;
}

std::string Performance::in_words() const {
  const auto ms = [](nanoseconds time) { return static_cast<double>(time.count()) / 1e6; };
  return fmt::format(
      "{} resolved ({} ok) in {:.1f} ms: {:.0f} a second; p50 {:.3f} ms, p95 {:.3f} ms, p99 {:.3f} "
      "ms, max {:.3f} ms; workers busy {:.0f} % of their time; {} retries, {} events dropped",
      resolved, ok, ms(observed), per_second, ms(p50), ms(p95), ms(p99), ms(max), 100 * utilisation,
      retries, events_dropped);
}

}  // namespace ordeal::trial

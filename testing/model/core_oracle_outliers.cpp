// The oracle's part on outliers: who stands out from the others, and for how long it is out.
#include <algorithm>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout

void CoreOracle::note_performance(Worker& worker, const Ticket& ticket,
                                  const event::ExchangeEnded& e) {
  if (e.progress != WireProgress::written) return;
  const bool answered =
      e.verdict == ExchangeVerdict::replied || e.verdict == ExchangeVerdict::application_error;
  if (answered) ++limit_answers_;
  if (ticket.lease || !(answered || e.verdict == ExchangeVerdict::timed_out)) return;
  ++worker.performance.answers;
  const bool callers = e.verdict == ExchangeVerdict::application_error && e.callers_fault;
  worker.performance.failures += e.verdict != ExchangeVerdict::replied && !callers ? 1 : 0;
}

// What the event has said belongs to the interval that ends with it: the fact first, then time.
void CoreOracle::begin_comparison() { compares_ = comparison_at_ && *comparison_at_ <= now_; }

void CoreOracle::check_reason(const Worker& worker, const action::Eject& a) {
  const Duration time = options_.outliers.time * static_cast<Duration::rep>(worker.ejections);
  expect(a.duration == std::min(time, options_.outliers.time_max),
         "(bug 15) a worker is ejected for another time than it has to be", worker.id.serial);
  expect(compares_, "(bug 15) a worker is ejected, and none were compared", worker.id.serial);
  if (a.reason != OutlierReason::failures) return;
  const Performance& own = worker.performance;
  expect(own.answers >= options_.outliers.requests_min,
         "(bug 15) a worker is ejected by too few answers", worker.id.serial);
  expect(100 * own.failures >= options_.outliers.failure_percent * own.answers,
         "(bug 15) a worker is ejected that does not fail often", worker.id.serial);
  std::uint64_t answers = 0;
  std::uint64_t failures = 0;
  for (const Worker& other : workers_) {
    // Those that were chosen just now were in when all were compared.
    const bool was_out = other.ejected && other.ejected_at != now_;
    if (!other.id || !other.serving || other.id == worker.id || was_out) continue;
    if (other.withdrawn || other.unhealthy) continue;
    answers += other.performance.answers;
    failures += other.performance.failures;
  }
  expect(own.failures * answers > 2 * failures * own.answers,
         "(bug 15) a worker is ejected that fails as the others do", worker.id.serial);
}

void CoreOracle::look_at_comparisons(const Core& core) {
  if (compares_) {
    for (Worker& worker : workers_) {
      // Who was chosen may have been called back in the same breath, since others were lost in it.
      const bool was_chosen = worker.ejected_at == now_;
      const bool stands = !worker.ejected && !was_chosen &&
                          worker.performance.answers >= options_.outliers.requests_min;
      if (stands && worker.ejections > 0) --worker.ejections;
      worker.performance = {};
    }
  }
  comparison_at_.reset();
  for (const TimerView& view : core.timers()) {
    if (view.timer == Timer::outlier_sweep) comparison_at_ = view.at;
  }
}

}  // namespace ordeal::trial

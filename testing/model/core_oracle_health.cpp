// The health's part of the oracle: who may be pinged, who gets work, who has failed too often.
#include <algorithm>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;

bool CoreOracle::is_idle(const Worker& worker) const {
  return worker.serving && !worker.unhealthy &&
         std::all_of(worker.slots.begin(), worker.slots.end(),
                     [](Use use) { return use == Use::free; });
}

void CoreOracle::health_failed(Worker& worker) {
  ++worker.failures;
  worker.replace_now = worker.failures >= options_.health_failures_max;
}

void CoreOracle::fail_overdue_pings() {
  if (options_.health_interval == Duration::zero()) return;
  for (Worker& worker : workers_) {
    if (!worker.id || !worker.answer_awaited || worker.answer_due > now_) continue;
    worker.answer_awaited = worker.probed = false;
    worker.unhealthy = true;
    worker.failed_at = now_;
    health_failed(worker);
  }
}

void CoreOracle::on(const event::ProbeEnded& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || !worker->serving || !worker->unanswered) return;
  worker->unanswered = false;
  if (e.code == ErrorCode::none) {
    worker->failures = 0;
    worker->probed = worker->unhealthy = worker->answer_awaited = false;
    worker->seen_at = now_;
  } else if (worker->answer_awaited) {
    worker->answer_due = now_;  // as if its time were over
  }
}

void CoreOracle::on(const action::Probe& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && worker->serving && !stopping_ && !worker->answer_awaited,
         "a ping to a worker that is not in service, or waits for one", a.worker.serial);
  if (worker == nullptr) return;
  expect(a.again == worker->unanswered, "(17.1) a worker owes the answers to two pings",
         a.worker.serial);
  if (worker->unhealthy) {
    const Duration base = std::min<Duration>(std::chrono::seconds{5}, options_.health_interval / 8);
    Duration pause = base;
    for (std::uint32_t i = 1; i < worker->failures; ++i) pause = 2 * pause;
    expect(now_ - worker->failed_at >= std::min(pause, options_.health_interval) / 2,
           "an unhealthy worker is pinged without a pause", a.worker.serial);
  } else {
    expect(is_idle(*worker), "a worker is pinged that has a request", a.worker.serial);
    expect(now_ - worker->seen_at >= options_.health_interval / 2,
           "a worker is pinged that has just been heard of", a.worker.serial);
    worker->probed = true;
    std::uint32_t idle = 0;
    std::uint32_t probed = 0;
    for (const Worker& other : workers_) {
      idle += other.id && is_idle(other) ? 1 : 0;
      probed += other.id && other.probed ? 1 : 0;
    }
    expect(probed <= std::max(1U, idle / 2), "more than half of the idle workers are pinged",
           a.worker.serial);
  }
  worker->unanswered = true;
  worker->answer_awaited = true;
  worker->answer_due = pool::core::after(now_, options_.health_timeout);
}

void CoreOracle::check_health() {
  if (options_.health_interval == Duration::zero() || stopping_) return;
  const Duration patience = options_.health_interval + Duration{std::chrono::milliseconds{30}} +
                            options_.health_timeout * static_cast<Duration::rep>(workers_.size());
  for (const Worker& worker : workers_) {
    if (!worker.id || !worker.serving) continue;
    expect(!worker.replace_now, "(22) a worker that has failed too often stays", worker.id.serial);
    expect(!is_idle(worker) || now_ - worker.seen_at <= patience,
           "an idle worker is not looked after", worker.id.serial);
    expect(!worker.unhealthy || worker.answer_awaited || now_ - worker.failed_at <= patience,
           "an unhealthy worker is not looked after", worker.id.serial);
  }
}

}  // namespace ordeal::trial

// The oracle's part on workers that give no sign of themselves: who may be killed as stuck, and who
// must be; when a start may be given up; stacks before a kill.
#include <algorithm>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::StuckKill;

void CoreOracle::on(const action::Look& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && !worker->exited, "a look at a worker that is gone", a.worker.serial);
  if (worker == nullptr) return;
  expect(!stopping_ || !worker->starting, "a look at a start in a pool that stops",
         a.worker.serial);
  if (worker->starting) {
    expect(!worker->look_awaited, "a start is looked at twice", a.worker.serial);
    expect(now_ - worker->patient_since >= options_.start_timeout,
           "a start is looked at before its time is over", a.worker.serial);
    worker->look_awaited = true;
  } else {
    expect(worker->serving && options_.health_interval > Duration::zero(),
           "a look at a worker, and nobody asked for health checks", a.worker.serial);
    expect(std::any_of(worker->slots.begin(), worker->slots.end(),
                       [](Use use) { return use == Use::granted; }),
           "a look at a worker that has no request", a.worker.serial);
  }
}

void CoreOracle::on(const event::WorkerLooked& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr) return;
  if (worker->starting && worker->look_awaited && !worker->given_up) {
    worker->look_awaited = false;
    if (e.reports + e.beats > 0 && worker->extensions < options_.start_extensions_max) {
      ++worker->extensions;
      worker->patient_since = now_;
    } else {
      worker->start_is_over = true;
    }
    return;
  }
  if (worker->serving) see_busy(*worker, e);
}

void CoreOracle::see_busy(Worker& worker, const event::WorkerLooked& e) {
  const auto before = worker.sight;
  worker.sight.reset();
  Instant held_since{};
  bool busy = false;
  for (std::size_t i = 0; i < worker.slots.size(); ++i) {
    if (worker.slots[i] != Use::granted) continue;
    busy = true;
    held_since = std::max(held_since, worker.taken_at[i]);
  }
  if (!busy) return;
  worker.sight = Sight{now_, e, worker.answers};
  if (!before || held_since > before->at || worker.answers != before->answers) return;
  if (e.reports > 0) return;
  const bool still = before->seen.trace == e.trace && before->seen.activity == e.activity;
  const bool proved = still && (e.activity == Activity::stopped || e.activity == Activity::locked);
  const bool silent = worker.beats && e.beats == 0;
  worker.may_be_stuck = (proved && options_.stuck_kill != StuckKill::never) ||
                        (silent && options_.stuck_kill == StuckKill::silent);
  worker.must_be_stuck = proved && options_.stuck_kill != StuckKill::never;
}

void CoreOracle::on(const action::DumpStacks& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && !worker->exited && !worker->kill_sent && !worker->dump_due,
         "stacks are asked of a worker that cannot give them", a.worker.serial);
  expect(options_.stack_grace > Duration::zero() && !stopping_,
         "stacks are waited for, and nobody asked for that", a.worker.serial);
  if (worker == nullptr) return;
  condemn(*worker, a.reason);
  worker->dump_due = pool::core::after(now_, options_.stack_grace);
  worker->dump_reason = a.reason;
}

void CoreOracle::on(const event::StacksDumped& e) {
  Worker* worker = find(e.worker);
  if (worker != nullptr && worker->dump_due) worker->dump_due = now_;
}

// It is to be killed for this: may it be? REQUIRES: it is not known to be gone.
void CoreOracle::condemn(Worker& worker, KillReason reason) {
  const std::uint64_t serial = worker.id.serial;
  const bool owes = std::count(worker.slots.begin(), worker.slots.end(), Use::dirty) > 0;
  expect(!worker.serving || stopping_ || reason == KillReason::unhealthy ||
             reason == KillReason::stuck || (reason == KillReason::late_reply_overdue && owes),
         "(17) a worker is killed that serves and has done nothing wrong", serial);
  expect((reason == KillReason::unhealthy) == worker.replace_now || stopping_,
         "(22) a worker is killed for its health, and has not failed too often", serial);
  worker.replace_now = false;
  expect(reason != KillReason::stuck || worker.may_be_stuck,
         "(bug 10) a worker is killed as stuck that may just be busy", serial);
  worker.must_be_stuck = false;
  if (worker.starting && !worker.given_up) {
    if (stopping_) {
      worker.given_up = true;
    } else if (reason == KillReason::unwanted) {
      expect(worker.generation != wanted_generation() || (just_resized_ && staying() > size_),
             "(1a) a start that is wanted is given up", serial);
      worker.given_up = true;
      give_up_start(worker);
      ++operations_.starts_given_up;
    } else {
      expect(reason == KillReason::start_timeout, "a starting worker is killed without reason",
             serial);
      expect(worker.start_is_over, "a start is given up without a last look at it", serial);
      start_failed(worker);
    }
  }
  out_of_service(worker);
}

void CoreOracle::after_watching() {
  for (Worker& worker : workers_) {
    if (!worker.id) continue;
    expect(!worker.must_be_stuck || !worker.serving || stopping_,
           "(bug 10) a worker that is stuck stays", worker.id.serial);
    worker.may_be_stuck = worker.must_be_stuck = false;
    expect(!worker.start_is_over || worker.given_up || !worker.starting,
           "a start whose time is over goes on", worker.id.serial);
    expect(!worker.dump_due || worker.kill_sent || worker.exited || *worker.dump_due > now_,
           "a worker whose stacks are there lives on", worker.id.serial);
  }
}

// Of those that could take work, were they not out.
CoreOracle::Share CoreOracle::share() const {
  Share share;
  for (const Worker& worker : workers_) {
    if (!worker.id || !worker.serving) continue;
    if (worker.ejected) {
      ++share.out;
    } else if (!worker.withdrawn && !worker.unhealthy) {
      ++share.in;
    }
  }
  return share;
}

void CoreOracle::on(const action::Eject& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && worker->serving && !worker->ejected && !worker->withdrawn &&
             !worker->unhealthy && !stopping_,
         "(bug 15) a worker is ejected that gets no work anyway", a.worker.serial);
  expect(options_.outliers.on(), "a worker is ejected, and nobody asked for that", a.worker.serial);
  expect(a.duration > Duration::zero() && a.duration <= options_.outliers.time_max,
         "(bug 15) a worker is ejected for too long", a.worker.serial);
  if (worker == nullptr) return;
  ++worker->ejections;
  worker->ejected_at = now_;
  if (looks_closely_) check_reason(*worker, a);
  worker->ejected = true;
  worker->ejected_until = now_ + a.duration;
  orphan_sessions(a.worker);
  const auto [in, out] = share();
  expect(100 * out <= options_.outliers.share_percent * (in + out),
         "(bug 15) more are out than their share", a.worker.serial);
  expect(in >= options_.outliers.healthy_min, "(bug 15) too few are left in", a.worker.serial);
}

void CoreOracle::on(const action::Readmit& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && worker->ejected, "a worker is readmitted that is not out",
         a.worker.serial);
  if (worker == nullptr) return;
  expect(now_ >= worker->ejected_until || share().in < options_.outliers.healthy_min,
         "(bug 15) a worker is readmitted before its time, and nobody needs it", a.worker.serial);
  worker->ejected = false;
}

void CoreOracle::after_ejections() {
  const auto [in, out] = share();
  expect(out == 0 || in >= options_.outliers.healthy_min || stopping_,
         "(bug 15) workers are out while too few are in");
  for (const Worker& worker : workers_) {
    expect(!worker.id || !worker.serving || !worker.ejected || worker.ejected_until > now_,
           "(bug 15) an ejection does not end", worker.id.serial);
  }
}

}  // namespace ordeal::trial

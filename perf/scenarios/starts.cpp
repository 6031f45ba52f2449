// How long until workers are ready: all of them from nothing, and one after a SIGKILL.
#include <signal.h>

#include <algorithm>

#include "ordeal/pool/pool.hpp"
#include "perf/bench/happened.hpp"
#include "perf/bench/sample.hpp"
#include "perf/scenarios/case_pool.hpp"
#include "perf/scenarios/run_case.hpp"

namespace ordeal::perf {
namespace {

using Clock = std::chrono::steady_clock;

double ms_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

}  // namespace

Attempt<Findings> measure_start(const CaseSpec& spec, const SampleOptions& options) {
  const std::uint64_t rounds = options.calls > 0 ? options.calls : spec.rounds;
  std::vector<double> ready_ms;
  Findings findings;
  const Usage before = usage_now(nullptr);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto begun = Clock::now();
    auto pool = pool::Pool::start(options_of(spec));
    if (!pool) return tl::unexpected(no_program(spec, pool.error()));
    ready_ms.push_back(ms_between(begun, Clock::now()));
    findings.latencies.add(
        std::chrono::nanoseconds{static_cast<std::int64_t>(ready_ms.back() * 1e6)});
    findings.values["workers_pss"] = memory_now(*pool).workers_pss_kib;
    findings.duration_s += ready_ms.back() / 1000;
  }
  const Usage after = usage_now(nullptr);
  findings.values["ready"] = *std::min_element(ready_ms.begin(), ready_ms.end());
  findings.values["cpu"] = (after.cpu_s - before.cpu_s) * 1000 / static_cast<double>(rounds);
  return findings;
}

Attempt<Findings> measure_replace(const CaseSpec& spec, const SampleOptions& options) {
  auto pool = pool::Pool::start(options_of(spec));
  if (!pool) return tl::unexpected(no_program(spec, pool.error()));
  Happened ready;
  Happened spare;
  const auto subscription = pool->subscribe([&](const pool::PoolEvent& event) {
    if (event.what == "worker_transition" && event.from == "initializing" && event.to == "ready") {
      ready.tell(event.at);
    } else if (event.what == "template_spare_ready") {
      spare.tell(event.at);
    }
  });
  const std::uint64_t rounds = options.calls > 0 ? options.calls : spec.rounds;
  std::vector<double> taken_ms;
  Findings findings;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto status = pool->status();
    if (spec.pool.warm_spares > 0 && status.fork_template.spares == 0)
      static_cast<void>(spare.wait());
    const auto alive = std::find_if(status.workers.rbegin(), status.workers.rend(),
                                    [](const auto& worker) { return worker.pid > 0; });
    if (alive == status.workers.rend()) continue;
    const auto begun = Clock::now();
    ::kill(alive->pid, SIGKILL);
    taken_ms.push_back(ms_between(begun, ready.wait()));
    findings.latencies.add(
        std::chrono::nanoseconds{static_cast<std::int64_t>(taken_ms.back() * 1e6)});
    findings.duration_s += taken_ms.back() / 1000;
  }
  std::sort(taken_ms.begin(), taken_ms.end());
  findings.values["ready_p50"] = percentile(taken_ms, 0.5);
  findings.values["ready_p90"] = percentile(taken_ms, 0.9);
  findings.values["ready_max"] = taken_ms.back();
  return findings;
}

}  // namespace ordeal::perf

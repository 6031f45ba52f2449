// Calls back to back through a pool: what each costs, in time, processor, memory, system calls.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "ordeal/pool/pool.hpp"
#include "perf/bench/call_counters.hpp"
#include "perf/bench/pinning.hpp"
#include "perf/scenarios/case_pool.hpp"
#include "perf/scenarios/run_case.hpp"
#include "perf/stats/numbers.hpp"
#include "testing/load/steadiness.hpp"

namespace ordeal::perf {
namespace {

constexpr std::uint64_t batches = 8;

trial::LoadShape shape_of(const CaseSpec& spec) {
  return {.sessions = spec.sessions, .sessions_skew_percent = spec.sessions_skew_percent};
}

double micros(pool::core::Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

class Calls {
 public:
  Calls(const CaseSpec& spec, const SampleOptions& options, pool::Pool& pool)
      : spec_(spec), pool_(pool), seed_(options.seed), queued_(spec.callers) {
    calls_ = options.calls > 0 ? options.calls : spec.calls;
    duration_ = options.duration.count() > 0 ? options.duration : spec.duration;
  }

  void warm_up(Findings& findings) {
    const auto call = calls_through(pool_, spec_, false);
    if (spec_.warm_up_calls > 0) {
      static_cast<void>(round(call, spec_.warm_up_calls, duration_));
      return;
    }
    trial::Steadiness steadiness{{.window = 6, .tolerance_percent = 15, .blocks_max = 30}};
    const std::uint64_t block = std::max<std::uint64_t>(calls_ / 40, 2 * spec_.callers);
    while (!steadiness.add(micros(round(call, block, duration_).service.percentile(50'000)))) {
    }
    if (!steadiness.steady()) {
      findings.notes.push_back(fmt::format("not steady after {} blocks of {} calls of warm-up",
                                           steadiness.blocks(), block));
    }
  }

  void measure(Findings& findings) {
    const auto call = calls_through(pool_, spec_, false, &queued_);
    const std::uint64_t each = std::max<std::uint64_t>(calls_ / batches, 1);
    const Usage before = usage_now(&pool_);
    trial::LoadResult all;
    double best_us = 0;
    double total_s = 0;
    for (std::uint64_t batch = 0; batch < batches && total_s < seconds(duration_); ++batch) {
      const auto result = round(call, each, duration_);
      const double took_s = std::chrono::duration<double>(result.length).count();
      const double each_us =
          took_s * 1e6 / static_cast<double>(std::max<std::uint64_t>(result.ok, 1));
      best_us = batch == 0 ? each_us : std::min(best_us, each_us);
      total_s += took_s;
      add(all, result);
    }
    const Usage after = usage_now(&pool_);
    note(findings, before, after, all, best_us, total_s);
  }

 private:
  static double seconds(std::chrono::milliseconds time) {
    return std::chrono::duration<double>(time).count();
  }

  trial::LoadResult round(const trial::MakeCall& call, std::uint64_t calls,
                          std::chrono::milliseconds length) {
    return trial::run_back_to_back(
        shape_of(spec_), seed_++,
        {.callers = spec_.callers, .calls = calls, .length = length, .deadline = spec_.deadline},
        call);
  }

  // As merge(), but the same callers again, one round after the other.
  static void add(trial::LoadResult& all, const trial::LoadResult& result) {
    auto by_caller = std::move(all.ok_by_caller);
    all.ok_by_caller.clear();
    all.merge(result);
    by_caller.resize(all.ok_by_caller.size());
    for (std::size_t i = 0; i < by_caller.size(); ++i) all.ok_by_caller[i] += by_caller[i];
  }

  void note(Findings& findings, const Usage& before, const Usage& after,
            const trial::LoadResult& all, double best_us, double total_s) {
    const double calls = static_cast<double>(std::max<std::uint64_t>(all.planned, 1));
    auto& values = findings.values;
    values["cpu"] = (after.cpu_s - before.cpu_s) * 1e6 / calls;
    values["worker_cpu"] = (after.workers_cpu_s - before.workers_cpu_s) * 1e6 / calls;
    values["wall_min"] = best_us;
    values["wall_mean"] = all.service.mean_ns() / 1e3;
    values["p50"] = micros(all.service.percentile(50'000));
    values["p90"] = micros(all.service.percentile(90'000));
    values["p95"] = micros(all.service.percentile(95'000));
    values["p99"] = micros(all.service.percentile(99'000));
    values["p999"] = micros(all.service.percentile(99'900));
    trial::LatencyHistogram queued;
    for (const auto& of_caller : queued_) queued.merge(of_caller);
    values["queued_p50"] = micros(queued.percentile(50'000));
    values["throughput"] = static_cast<double>(all.ok) / std::max(total_s, 1e-9);
    values["success_rate"] = all.success_rate();
    values["wake_ups"] =
        static_cast<double>(after.voluntary_switches - before.voluntary_switches +
                            after.workers_voluntary_switches - before.workers_voluntary_switches) /
        calls;
    const Memory memory = memory_now(pool_);
    values["host_rss"] = memory.host_rss_kib;
    values["worker_rss"] = memory.worker_rss_kib;
    values["worker_pss"] = memory.worker_pss_kib;
    if (spec_.callers > 1) {
      values["fairness"] = trial::jain_fairness({all.ok_by_caller.begin(), all.ok_by_caller.end()});
    }
    for (const auto& [code, times] : all.errors) findings.errors[code] = times;
    findings.latencies = all.service;
    findings.duration_s = total_s;
    if (allocations_are_counted()) count_allocations(values);
  }

  // Without the load's own threads and histograms: what one call on this thread asks for. The usual
  // of several blocks, since now and then a call does what is done once a second.
  void count_allocations(std::map<std::string, double>& values) {
    constexpr std::uint64_t blocks = 8;
    const auto call = calls_through(pool_, spec_, false);
    const auto make = [&](std::uint64_t number) {
      trial::PlannedCall planned{.number = number};
      if (spec_.sessions > 0) planned.session = static_cast<std::uint32_t>(number % spec_.sessions);
      static_cast<void>(call(planned, 0, trial::time_now() + spec_.deadline));
    };
    const std::uint64_t each = spec_.work_ms > 0 || spec_.payload_bytes > 1 << 16 ? 1 : 25;
    make(0);
    std::uint64_t number = 0;
    std::vector<double> of_block;
    for (std::uint64_t block = 0; block < blocks; ++block) {
      const std::uint64_t before = allocations_of_this_thread();
      for (std::uint64_t call_of_block = 0; call_of_block < each; ++call_of_block) make(number++);
      of_block.push_back(static_cast<double>(allocations_of_this_thread() - before) /
                         static_cast<double>(each));
    }
    values["allocations"] = median(std::move(of_block));
  }

  const CaseSpec& spec_;
  pool::Pool& pool_;
  std::uint64_t seed_;
  std::uint64_t calls_ = 0;
  std::chrono::milliseconds duration_{};
  std::vector<trial::LatencyHistogram> queued_;
};

// In a process of its own, before there is a pool: tracing is slow, and needs a fork of one thread.
void count_traced(const CaseSpec& spec, const SampleOptions& options, Findings& findings) {
  const auto counts = count_calls({.spin = spec.pool.spin,
                                   .payload_bytes = spec.payload_bytes,
                                   .worker = worker_command(spec),
                                   .calls_by_instruction = options.calls_by_instruction});
  if (!counts) {
    findings.notes.push_back("system calls and instructions not counted: " +
                             counts.error().message);
    return;
  }
  findings.values["system_calls"] = counts->system_calls;
  findings.values["instructions"] = counts->instructions;
  std::string list;
  for (const auto& [name, times] : counts->by_name) list += fmt::format(" {} {:.2f}", name, times);
  findings.notes.push_back("system calls of a call:" + list);
}

}  // namespace

Attempt<Findings> measure_calls(const CaseSpec& spec, const SampleOptions& options) {
  Findings findings;
  if (is_counted(spec)) count_traced(spec, options, findings);
  const Pinning pinning{spec.pinned};
  auto pool = pool::Pool::start(options_of(spec));
  if (!pool) return tl::unexpected(no_program(spec, pool.error()));
  Calls calls{spec, options, *pool};
  calls.warm_up(findings);
  calls.measure(findings);
  return findings;
}

}  // namespace ordeal::perf

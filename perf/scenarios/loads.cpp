// Open-loop loads that production asks about: kills, a roll, overload and the way back.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "ordeal/pool/pool.hpp"
#include "perf/scenarios/case_pool.hpp"
#include "perf/scenarios/run_case.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/load/arrivals.hpp"

namespace ordeal::perf {
namespace {

namespace runtime = pool::runtime;
using trial::Rate;

double micros(pool::core::Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

std::chrono::milliseconds length_of(const CaseSpec& spec, const SampleOptions& options) {
  return options.duration.count() > 0 ? options.duration : spec.duration;
}

// The most that the pool answers: as many callers as there are, back to back.
Rate peak_rate(const CaseSpec& spec, const SampleOptions& options, const trial::MakeCall& call) {
  const std::uint32_t callers = std::min(spec.callers, 2 * spec.pool.size);
  const auto result = trial::run_back_to_back(
      {}, options.seed,
      {.callers = callers, .length = length_of(spec, options) / 3, .deadline = spec.deadline},
      call);
  return {static_cast<std::int64_t>(result.throughput_per_s() * 1000)};
}

Rate part_of(Rate rate, std::int64_t percent) { return {rate.per_kilosecond * percent / 100}; }

trial::LoadResult offer(const CaseSpec& spec, const trial::RateProfile& profile, std::uint64_t seed,
                        const trial::MakeCall& call) {
  return trial::run_open_loop({.rate = profile, .spacing = {.kind = trial::Spacing::Kind::poisson}},
                              seed, {.callers = spec.callers, .deadline = spec.deadline}, call);
}

// Kills a worker each `every`, until it is destroyed.
class Killer {
 public:
  Killer(pool::Pool& pool, std::chrono::milliseconds every, std::uint64_t seed)
      : thread_{[this, &pool, every, random = pool::core::Random{seed}]() mutable {
          for (auto due = runtime::now() + every / 2;; due += every) {
            while (runtime::now() < due) {
              const std::uint32_t ticket = ended_.ticket();
              if (ending_.load()) return;
              ended_.wait_until(due, ticket);
            }
            std::vector<int> pids;
            for (const auto& worker : pool.status().workers) {
              if (worker.pid > 0) pids.push_back(worker.pid);
            }
            if (!pids.empty()) ::kill(pids[random.below(pids.size())], SIGKILL);
          }
        }} {}
  ~Killer() {
    ending_.store(true);
    ended_.notify();
  }
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;

 private:
  std::atomic<bool> ending_{false};
  runtime::WakeWord ended_;
  std::jthread thread_;
};

void note_errors(Findings& findings, const trial::LoadResult& result) {
  for (const auto& [code, times] : result.errors) findings.errors[code] += times;
  findings.duration_s += std::chrono::duration<double>(result.length).count();
}

void note_ratio(Findings& findings, const trial::LoadResult& calm, const trial::LoadResult& hit) {
  findings.values["p99_calm"] = micros(calm.response.percentile(99'000));
  findings.values["p99"] = micros(hit.response.percentile(99'000));
  findings.values["p99_ratio"] =
      findings.values["p99"] / std::max(findings.values["p99_calm"], 1e-3);
  findings.values["success_rate"] = hit.success_rate();
  findings.latencies = hit.response;
  note_errors(findings, calm);
  note_errors(findings, hit);
}

}  // namespace

Attempt<Findings> measure_kills(const CaseSpec& spec, const SampleOptions& options) {
  auto pool = pool::Pool::start(options_of(spec));
  if (!pool) return tl::unexpected(no_program(spec, pool.error()));
  const auto call = calls_through(*pool, spec, true);
  Findings findings;
  const Rate peak = peak_rate(spec, options, call);
  findings.values["peak"] = static_cast<double>(peak.per_kilosecond) / 1000;
  const auto profile = trial::steady(part_of(peak, spec.load_percent), length_of(spec, options));
  const auto calm = offer(spec, profile, options.seed, call);
  const auto hit = [&] {
    const Killer killer{*pool, spec.kill_every, options.seed};
    return offer(spec, profile, options.seed + 1, call);
  }();
  note_ratio(findings, calm, hit);
  return findings;
}

Attempt<Findings> measure_roll(const CaseSpec& spec, const SampleOptions& options) {
  auto pool = pool::Pool::start(options_of(spec));
  if (!pool) return tl::unexpected(no_program(spec, pool.error()));
  const auto call = calls_through(*pool, spec, false);
  Findings findings;
  const Rate peak = peak_rate(spec, options, call);
  findings.values["peak"] = static_cast<double>(peak.per_kilosecond) / 1000;
  const auto profile = trial::steady(part_of(peak, spec.load_percent), length_of(spec, options));
  const auto calm = offer(spec, profile, options.seed, call);
  const auto begun = runtime::now();
  pool::Result<void> rolled;
  pool::core::Duration roll_took{0};
  trial::LoadResult hit;
  {
    std::jthread roller{[&] {
      rolled = pool->roll({.command = worker_command(spec)}, std::chrono::seconds{60});
      roll_took = runtime::now() - begun;
    }};
    hit = offer(spec, profile, options.seed + 1, call);
  }
  if (!rolled) return tl::unexpected(no_program(spec, rolled.error()));
  note_ratio(findings, calm, hit);
  findings.values["roll"] = micros(roll_took) / 1000;
  return findings;
}

Attempt<Findings> measure_overload(const CaseSpec& spec, const SampleOptions& options) {
  auto pool = pool::Pool::start(options_of(spec));
  if (!pool) return tl::unexpected(no_program(spec, pool.error()));
  const auto call = calls_through(*pool, spec, false);
  Findings findings;
  const Rate peak = peak_rate(spec, options, call);
  const double peak_per_s = static_cast<double>(peak.per_kilosecond) / 1000;
  findings.values["peak"] = peak_per_s;
  const auto length = length_of(spec, options);
  // The curve of throughput against latency, up to the peak.
  for (const int percent : {30, 60, 90}) {
    const auto result =
        offer(spec, trial::steady(part_of(peak, percent), length / 3), options.seed, call);
    findings.curve.emplace_back(result.throughput_per_s(),
                                micros(result.response.percentile(99'000)));
  }
  // Twice the peak, then half of it, in one run: the second part shows the way back.
  trial::RateProfile pulse = trial::steady(part_of(peak, 200), length);
  pulse.push_back(trial::steady(part_of(peak, 50), length).front());
  const auto result = offer(spec, pulse, options.seed + 1, call);
  const auto slice = trial::OpenLoopOptions{}.slice;
  const auto hot_slices = static_cast<std::size_t>(length / slice);
  const auto ok_in = [&](std::size_t from, std::size_t to) {
    std::uint64_t sum = 0;
    for (std::size_t i = from; i < std::min(to, result.ok_by_slice.size()); ++i) {
      sum += result.ok_by_slice[i];
    }
    return static_cast<double>(sum);
  };
  const double hot_s =
      std::chrono::duration<double>(slice).count() * static_cast<double>(hot_slices);
  const double hot_per_s = ok_in(0, hot_slices) / hot_s;
  findings.values["goodput"] = peak_per_s > 0 ? hot_per_s / peak_per_s : 0;
  findings.curve.emplace_back(hot_per_s, micros(result.response.percentile(99'000)));
  // The way back: the first slice from which on 95 % of what is due is answered.
  double recovery_ms = 0;
  for (std::size_t i = hot_slices; i < result.due_by_slice.size(); ++i) {
    double due = 0;
    for (std::size_t j = i; j < result.due_by_slice.size(); ++j) {
      due += static_cast<double>(result.due_by_slice[j]);
    }
    recovery_ms = static_cast<double>(
        (i - hot_slices) * static_cast<std::size_t>(slice / std::chrono::milliseconds{1}));
    if (ok_in(i, result.ok_by_slice.size()) >= 0.95 * due) break;
  }
  findings.values["recovery"] = recovery_ms;
  findings.values["success_rate"] = result.success_rate();
  findings.latencies = result.response;
  note_errors(findings, result);
  return findings;
}

}  // namespace ordeal::perf

#include "perf/contest/run_document.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

namespace ordeal::perf {
namespace {

using nlohmann::json;

json as_json(const Standing& standing) {
  json ratios = json::object();
  for (const auto& [metric, ratio] : standing.ratios) {
    ratios[metric] = {{"median", ratio.median}, {"low", ratio.low}, {"high", ratio.high}};
  }
  return {
      {"name", standing.name},       {"version", standing.version}, {"why_not", standing.why_not},
      {"mean_us", standing.mean_us}, {"p50_us", standing.p50_us},   {"p90_us", standing.p90_us},
      {"p99_us", standing.p99_us},   {"per_s", standing.per_s},     {"calls", standing.calls},
      {"failed", standing.failed},   {"note", standing.note},       {"ratios", std::move(ratios)}};
}

json as_json(const JudgedBar& judged) {
  json bar = {{"metric", judged.bar.metric}, {"met", judged.met}, {"advice", judged.bar.advice}};
  if (!judged.bar.beside.empty()) bar["beside"] = judged.bar.beside;
  if (judged.bar.min) bar["min"] = *judged.bar.min;
  if (judged.bar.max) bar["max"] = *judged.bar.max;
  if (judged.value) {
    bar["value"] = *judged.value;
    bar["low"] = judged.low;
    bar["high"] = judged.high;
  }
  return bar;
}

json percentiles_of(const trial::LatencyHistogram& histogram) {
  json points = json::array();
  if (histogram.count() == 0) return points;
  for (const std::uint32_t part : {0U, 10'000U, 25'000U, 50'000U, 75'000U, 90'000U, 95'000U,
                                   99'000U, 99'500U, 99'900U, 99'990U, 100'000U}) {
    // Beyond what the calls can tell, a percentile is the maximum.
    if (part < 100'000 && histogram.count() * (100'000 - part) < 100'000) continue;
    points.push_back(
        {part / 1000.0,
         std::chrono::duration<double, std::micro>(histogram.percentile(part)).count()});
  }
  return points;
}

std::string processor_model() {
  std::ifstream file{"/proc/cpuinfo"};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

}  // namespace

JudgedBar judge(const Bar& bar, const Sample& sample, const std::optional<ContestResult>& contest) {
  JudgedBar judged{.bar = bar};
  if (bar.beside.empty()) {
    const auto found =
        std::find_if(sample.metrics.begin(), sample.metrics.end(),
                     [&](const MeasuredMetric& each) { return each.metric.name == bar.metric; });
    // A counter that this machine does not permit says nothing.
    if (found != sample.metrics.end()) judged.value = judged.low = judged.high = found->value;
  } else if (contest) {
    for (const Standing& other : contest->others) {
      const auto ratio = other.ratios.find(bar.metric);
      if (other.name != bar.beside || ratio == other.ratios.end()) continue;
      judged.value = ratio->second.median;
      judged.low = ratio->second.low;
      judged.high = ratio->second.high;
    }
  }
  judged.met = !judged.value ||
               ((!bar.max || judged.low <= *bar.max) && (!bar.min || judged.high >= *bar.min));
  return judged;
}

json case_document(const CaseSpec& spec, const CaseRun& run,
                   const std::optional<ContestResult>& contest) {
  json document = to_json(run.sample);
  document.erase("schema");
  document["about"] = spec.about;
  document["errors"] = run.findings.errors;
  document["percentiles"] = percentiles_of(run.findings.latencies);
  document["curve"] = run.findings.curve;
  document["notes"] = run.findings.notes;
  document["bars"] = json::array();
  for (const Bar& bar : spec.bars) {
    document["bars"].push_back(as_json(judge(bar, run.sample, contest)));
  }
  if (contest) {
    json others = json::array();
    for (const Standing& other : contest->others) others.push_back(as_json(other));
    document["contest"] = {{"rounds", contest->rounds},
                           {"ordeal", as_json(contest->ordeal)},
                           {"others", std::move(others)}};
  }
  return document;
}

json run_document(bool quick, json cases) {
  utsname system{};
  uname(&system);
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return {{"schema", run_schema},
          {"created", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now))},
          {"quick", quick},
          {"host",
           {{"cpus", std::thread::hardware_concurrency()},
            {"kernel", system.release},
            {"model", processor_model()}}},
          {"cases", std::move(cases)}};
}

}  // namespace ordeal::perf

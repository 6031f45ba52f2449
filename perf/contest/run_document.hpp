// A run: every case of some suites once, with its contest and its bars, as one JSON document. What
// the report reads, and what people keep.
//
//   {"schema": "ordeal-perf-run/1", "created": "2026-11-29T20:00:00Z", "quick": false,
//    "host": {"cpus": 2, "kernel": "6.1.0", "model": "..."},
//    "cases": [{"suite", "case", "about", "params", "metrics": [a sample's], "errors": {category:
//    n},
//      "percentiles": [[50, 12.5], ...], "curve": [[calls/s, p99 µs], ...], "notes": [text],
//      "bars": [{"metric", "beside", "min"|"max", "value", "low", "high", "met", "advice"}],
//      "contest": {"rounds", "ordeal": STANDING, "others": [STANDING]}}]}
//   STANDING: {"name", "version", "why_not", "mean_us", "p50_us", "p90_us", "p99_us", "per_s",
//   "calls",
//     "failed", "note", "ratios": {metric: {"median", "low", "high"}}}
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "perf/contest/contest.hpp"
#include "perf/scenarios/run_case.hpp"

namespace ordeal::perf {

inline constexpr std::string_view run_schema = "ordeal-perf-run/1";

// One bar, judged. Missed is: the value is beyond it; of a ratio, its whole interval is.
struct JudgedBar {
  Bar bar;
  std::optional<double> value;  // none: it was not measured, or the contestant did not take part
  double low = 0;
  double high = 0;
  bool met = false;  // true as well if there is no value and the contestant is not to be had
};
[[nodiscard]] JudgedBar judge(const Bar& bar, const Sample& sample,
                              const std::optional<ContestResult>& contest);

[[nodiscard]] nlohmann::json case_document(const CaseSpec& spec, const CaseRun& run,
                                           const std::optional<ContestResult>& contest);
[[nodiscard]] nlohmann::json run_document(bool quick, nlohmann::json cases);

}  // namespace ordeal::perf

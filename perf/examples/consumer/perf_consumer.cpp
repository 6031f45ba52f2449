// A project of its own: two builds of its program, run side by side, judged by the rule; the
// program is its own sampler. Exit code 0 if the slower build was found and the other one was not.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "perf/compare/session.hpp"
#include "perf/stats/verdict.hpp"

namespace {

using ordeal::perf::Metric;
using ordeal::perf::MetricKind;

const Metric steps{.name = "steps", .unit = "1/call", .kind = MetricKind::counter};

// What `ordeal-perf compare` asks a sampler for: its cases, or one case once.
int serve_as_sampler(const std::string& request) {
  if (request == "cases") {
    ordeal::perf::Case loop{.suite = "own", .name = "loop", .metrics = {steps}};
    std::puts(to_json(std::vector{loop}).dump().c_str());
    return 0;
  }
  const char* slower = std::getenv("SLOWER");
  const ordeal::perf::Sample sample{
      .suite = "own",
      .case_name = "loop",
      .metrics = {{.metric = steps, .value = slower == nullptr ? 100.0 : 107.0}},
      .duration_s = 0.01};
  std::puts(to_json(sample).dump().c_str());
  return 0;
}

// The kind of the only verdict; empty if it could not be measured.
std::string verdict_of(const ordeal::perf::Sampler& before, const ordeal::perf::Sampler& now) {
  ordeal::perf::SessionPlan plan{.old_sampler = before, .new_sampler = now, .pairs = 4};
  const auto cases = list_cases(now, "");
  if (!cases) {
    std::printf("%s\n", cases.error().text().c_str());
    return {};
  }
  plan.cases = *cases;
  const auto measured = run_session(plan);
  if (!measured) {
    std::printf("%s\n", measured.error().text().c_str());
    return {};
  }
  const auto verdict = judge(measured->pairs, plan.rules).front();
  std::printf("%s: %s, new / old %.2f (%s)\n", verdict.metric.name.c_str(),
              std::string{to_string(verdict.kind)}.c_str(), verdict.ratio.middle,
              verdict.why.c_str());
  return std::string{to_string(verdict.kind)};
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) return serve_as_sampler(arguments[1]);
  const ordeal::perf::Sampler before{.command = {arguments[0]}};
  ordeal::perf::Sampler now = before;
  const bool same = verdict_of(before, now) == "equivalent";
  now.environment = {{"SLOWER", "1"}};
  const bool found = verdict_of(before, now) == "regression";
  return same && found ? 0 : 1;
}

// A project of its own: an experiment written in its code, run in virtual time and judged; and what
// a mistake in an experiment gets. Exit code 0 if the experiment passed.
#include <cstdio>

#include "chaos/experiment/plan.hpp"
#include "chaos/faults/registry.hpp"
#include "chaos/simulated/simulated.hpp"

namespace {

constexpr const char* experiment = R"(
title = "One of two workers is killed"
seed = 7
[pool]
command = ["python3", "{mock_bridge}", "--faults"]
size = 2
[load]
callers = 4
duration_ms = 500
[end]
quiet_ms = 100
[[fault]]
kind = "kill_worker"
at_ms = 100
)";

constexpr const char* mistaken = R"(
title = "The seed is no number"
seed = "seven"
)";

}  // namespace

int main() {
  const ordeal::chaos::Registry registry = ordeal::chaos::all_faults();
  std::printf("%zu kinds of faults\n", registry.kinds().size());

  auto plan = ordeal::chaos::plan_from_toml(experiment, "own", registry, "bridge.py");
  if (!plan) {
    std::printf("%s\n", plan.error().message.c_str());
    return 1;
  }
  ordeal::chaos::draw_schedule(*plan);
  const auto checks = ordeal::chaos::judge_simulated(*plan, ordeal::chaos::simulate(*plan));
  bool passed = !checks.empty();
  for (const auto& check : checks) {
    const bool good = check.verdict.kind() == ordeal::trial::Verdict::Kind::pass;
    std::printf("%s: %s\n", good ? "pass" : "not a pass", check.sentence.c_str());
    passed = passed && good;
  }

  const auto refused = ordeal::chaos::plan_from_toml(mistaken, "own", registry, "bridge.py");
  if (!refused) std::printf("refused: %s\n", refused.error().message.c_str());
  return passed ? 0 : 1;
}

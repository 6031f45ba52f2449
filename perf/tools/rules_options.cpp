#include "perf/tools/rules_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "perf/measurement/json_reader.hpp"
#include "perf/stats/dspex_rule.hpp"
#include "perf/tools/commands.hpp"

namespace ordeal::perf {
namespace {

using nlohmann::json;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string ratio_text(const Estimate& ratio) {
  if (!std::isfinite(ratio.low) || !std::isfinite(ratio.high) || ratio.low <= 0) {
    return fmt::format("{:.3f} [no interval]", ratio.middle);
  }
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", ratio.middle, ratio.low, ratio.high);
}

std::string detectable_text(const Verdict& verdict) {
  if (verdict.kind == VerdictKind::unstable) return "-";
  return verdict.detectable ? percent(*verdict.detectable) : "> 100 %";
}

std::string line(const Verdict& verdict) {
  const std::string name =
      fmt::format("{}/{} {}", verdict.suite, verdict.case_name, verdict.metric.name);
  const std::string status = !verdict.gated          ? " (not gated)"
                             : verdict.informational ? " (blind to 25 %)"
                                                     : "";
  return fmt::format("{:<12} {:<44} {:<24} n={}{} p={:.2g} floor {} sees {}{}{}: {}\n",
                     to_string(verdict.kind), name, ratio_text(verdict.ratio), verdict.pairs,
                     verdict.invalid == 0 ? "" : fmt::format("-{}", verdict.invalid), verdict.p,
                     percent(verdict.floor), detectable_text(verdict),
                     verdict.paired ? " by pairs" : "", status, verdict.why);
}

json finite_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

}  // namespace

void add_judging_options(CLI::App* command, JudgingOptions& options) {
  auto& rules = options.rules;
  command
      ->add_option("--rule", options.rule,
                   "ordeal: perf/stats/verdict.hpp; dspex: p95 +20 %, throughput -20 %, success "
                   "rate -10 %, which knows no noise")
      ->check(CLI::IsMember({"ordeal", "dspex"}))
      ->capture_default_str();
  command->add_option("--floor", rules.floor, "a change up to this share is no change")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  command->add_option("--counter-floor", rules.counter_floor, "the same for counters")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  command->add_option("--alpha", rules.alpha, "level of all gated metrics together (Holm)")
      ->check(CLI::Range(1e-9, 0.5))
      ->capture_default_str();
  command->add_flag("--strict", options.strict, "exit 3 where nothing is shown either way");
  command->add_option("--json", options.json_file, "write the verdicts there too; -: to stdout");
  command->add_flag("--all", options.show_all, "list what is equivalent, too");
}

std::vector<Verdict> judge_by(const JudgingOptions& options, const PairsFile& file) {
  return options.rule == "dspex" ? judge_by_dspex(file) : judge(file, options.rules);
}

std::string verdict_table(const std::vector<Verdict>& verdicts, bool all) {
  std::vector<const Verdict*> sorted;
  for (const auto& verdict : verdicts) {
    if (all || verdict.kind != VerdictKind::equivalent) sorted.push_back(&verdict);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Verdict* a, const Verdict* b) {
    return std::pair{!a->gated, a->kind} < std::pair{!b->gated, b->kind};
  });
  std::string text;
  for (const auto* verdict : sorted) text += line(*verdict);
  std::vector<int> counts(6, 0);
  for (const auto& verdict : verdicts) ++counts[static_cast<std::size_t>(verdict.kind)];
  text += fmt::format("{} verdicts:", verdicts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0)
      text += fmt::format(" {} {}", counts[i], to_string(static_cast<VerdictKind>(i)));
  }
  double logs = 0;
  int finite = 0;
  for (const auto& verdict : verdicts) {
    const bool costs = verdict.metric.better == Better::lower;
    const double log_ratio = std::log(verdict.ratio.middle) * (costs ? 1 : -1);
    if (verdict.kind == VerdictKind::unstable || !std::isfinite(log_ratio)) continue;
    logs += log_ratio;
    ++finite;
  }
  if (finite > 0) {
    text += fmt::format("; geometric mean of costs {:.3f} (not gated)", std::exp(logs / finite));
  }
  return text + "\n";
}

json verdicts_to_json(const std::vector<Verdict>& verdicts) {
  json all = json::array();
  for (const auto& verdict : verdicts) {
    all.push_back({{"suite", verdict.suite},
                   {"case", verdict.case_name},
                   {"metric", to_json(verdict.metric)},
                   {"verdict", to_string(verdict.kind)},
                   {"why", verdict.why},
                   {"ratio", finite_or_null(verdict.ratio.middle)},
                   {"ratio_low", finite_or_null(verdict.ratio.low)},
                   {"ratio_high", finite_or_null(verdict.ratio.high)},
                   {"p", verdict.p},
                   {"level", verdict.level},
                   {"floor", verdict.floor},
                   {"pairs", verdict.pairs},
                   {"invalid_pairs", verdict.invalid},
                   {"by_pairs", verdict.paired},
                   {"detectable", verdict.detectable ? json(*verdict.detectable) : json(nullptr)},
                   {"informational", verdict.informational},
                   {"gated", verdict.gated}});
  }
  return {{"schema", "ordeal-perf-verdicts/1"}, {"verdicts", std::move(all)}};
}

int exit_code_of(const std::vector<Verdict>& verdicts, bool strict) {
  const auto any = [&](VerdictKind kind) {
    return std::any_of(verdicts.begin(), verdicts.end(), [&](const Verdict& verdict) {
      return verdict.gated && verdict.kind == kind;
    });
  };
  if (any(VerdictKind::regression)) return exit_regression;
  if (any(VerdictKind::unstable)) return exit_unstable;
  if (strict && (any(VerdictKind::inconclusive) || any(VerdictKind::suspect))) {
    return exit_inconclusive;
  }
  return exit_ok;
}

int tell(const std::vector<Verdict>& verdicts, const JudgingOptions& options) {
  const std::string text = verdicts_to_json(verdicts).dump(1) + "\n";
  if (options.json_file == "-") {
    fmt::print("{}", text);
  } else {
    fmt::print("{}", verdict_table(verdicts, options.show_all || verdicts.size() == 1));
    if (!options.json_file.empty()) {
      if (const auto written = write_text_file(options.json_file, text); !written) {
        return report_error(written.error());
      }
    }
  }
  return exit_code_of(verdicts, options.strict);
}

}  // namespace ordeal::perf

// ordeal-perf calibrate: false alarms on identical builds, and the power to find slowdowns, here.
#include <fmt/format.h>

#include <memory>

#include "perf/baseline/program.hpp"
#include "perf/compare/calibration.hpp"
#include "perf/measurement/json_reader.hpp"
#include "perf/stats/rank_test.hpp"
#include "perf/tools/commands.hpp"
#include "perf/tools/session_options.hpp"
#include "pool/process/data_file.hpp"

namespace ordeal::perf {
namespace {

struct CalibrateOptions {
  SessionOptions session;
  std::vector<std::string> files;  // to evaluate, instead of measuring
  std::string out;
  std::string condition = "idle";
  std::string base = "cpu";
  std::vector<double> percent{2, 5, 10, 20};
  std::string plain;
  std::string slow;
  std::string beside;
  std::size_t stage_pairs = 20;
  std::size_t comparisons = 300;
};

std::string share_text(std::size_t count, std::size_t of) {
  const auto share = share_estimate(count, std::max<std::size_t>(of, 1), 0.95);
  return fmt::format("{:5.1f} % [{:.1f}, {:.1f}]", 100 * share.middle, 100 * share.low,
                     100 * share.high);
}

void print_rows(const Calibration& calibration, const CalibrateOptions& options) {
  fmt::print("{} {} {}, commit {}: stages of {} pairs, {} comparisons a row\n",
             calibration.host.id(), calibration.condition, calibration.created,
             calibration.commit.substr(0, 12), options.stage_pairs, options.comparisons);
  fmt::print("{:<40} {:>9} {:>7} {:>5}  {:<24} {:<8} {}\n", "metric", "slowdown", "ratio", "pairs",
             "found [95 % interval]", "suspect", "sees (80 %)");
  for (const auto& row : evaluate(calibration, options.stage_pairs, options.comparisons, {})) {
    const bool same = row.slowdown == 0;
    // Without a slowdown, an improvement is a false alarm, too.
    const std::size_t found = row.alarms.regressions + (same ? row.alarms.improvements : 0);
    std::string seen;
    if (same) {
      seen = row.detectable ? fmt::format("{:.1f} %", 100 * *row.detectable) : "not 100 %";
      if (!row.detectable || *row.detectable > 0.25) seen += " (only information)";
    }
    fmt::print("{:<40} {:>9} {:7.3f} {:5}  {:<24} {:<8} {}\n",
               fmt::format("{}/{} {}", row.suite, row.case_name, row.metric.name),
               same ? "none" : fmt::format("{:.0f} %", 100 * row.slowdown), row.ratio, row.pairs,
               share_text(found, row.alarms.comparisons), row.alarms.suspects, seen);
  }
}

int evaluate_files(const CalibrateOptions& options) {
  for (const auto& path : options.files) {
    const auto value = read_json_file(path);
    if (!value) return report_error(value.error());
    const auto calibration = calibration_from_json(*value, path);
    if (!calibration) return report_error(calibration.error());
    print_rows(*calibration, options);
  }
  return exit_ok;
}

int measure(const CalibrateOptions& options) {
  const auto commit = commit_of(options.session.checkout);
  if (!commit) return report_error(commit.error());
  CalibrationPlan plan;
  plan.plain.command = words_of(options.plain);
  plan.slow.command = words_of(options.slow);
  plan.base = options.base;
  plan.slowdowns.clear();
  for (const double percent : options.percent) plan.slowdowns.push_back(percent / 100);
  plan.session = plan_of(options.session);
  auto cases = chosen_cases(options.session, plan.plain);
  if (!cases) return report_error(cases.error());
  plan.session.cases = std::move(*cases);
  std::optional<BackgroundProgram> beside;
  if (!options.beside.empty()) {
    auto started = BackgroundProgram::start({"sh", "-c", options.beside});
    if (!started) return report_error(started.error());
    beside.emplace(std::move(*started));
  }
  auto levels = calibrate(plan);
  if (!levels) return report_error(levels.error());
  Calibration calibration{.created = timestamp_now(),
                          .commit = commit->hash,
                          .condition = options.condition,
                          .base = options.base,
                          .host = this_host(),
                          .seed = plan.session.seed,
                          .levels = std::move(*levels)};
  if (!options.out.empty()) {
    const auto written = write_text_file(options.out, to_json(calibration).dump() + "\n");
    if (!written) return report_error(written.error());
  }
  print_rows(calibration, options);
  return exit_ok;
}

}  // namespace

void add_calibrate(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "calibrate",
      "false alarms on identical builds, and the power to find slowdowns that are\n"
      "compiled in, by metric, on this machine; or of recorded files");
  const auto options = std::make_shared<CalibrateOptions>();
  options->plain = pool::process::program_beside("ordeal-perf");
  options->slow = pool::process::program_beside("ordeal-perf-slow");
  options->session.pairs = 60;
  add_session_options(command, options->session);
  command->add_option("FILE", options->files, "recorded calibrations: tell what they show");
  command->add_option("--out", options->out, "write the raw pairs there");
  command->add_option("--condition", options->condition, "what the machine does besides: a name")
      ->capture_default_str();
  command->add_option("--beside", options->beside, "shell command that runs meanwhile");
  command->add_option("--base", options->base, "the metric that is to be slower by so much")
      ->capture_default_str();
  command->add_option("--slowdowns", options->percent, "in percent")->capture_default_str();
  command->add_option("--plain", options->plain, "the sampler")->capture_default_str();
  command->add_option("--slow", options->slow, "the same with extra work (reads ORDEAL_SLOW)")
      ->capture_default_str();
  command->add_option("--stage-pairs", options->stage_pairs, "of the comparisons that are drawn")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  command->add_option("--comparisons", options->comparisons, "that are drawn a row")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->callback([options, &exit_code] {
    exit_code = options->files.empty() ? measure(*options) : evaluate_files(*options);
  });
}

}  // namespace ordeal::perf

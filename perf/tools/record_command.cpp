// ordeal-perf record: the figures of this commit on this host become its baseline. Explicit:
// nothing else writes baselines.
#include <fmt/format.h>

#include <memory>

#include "perf/measurement/json_reader.hpp"
#include "perf/tools/commands.hpp"
#include "perf/tools/session_options.hpp"

namespace ordeal::perf {
namespace {

struct RecordOptions {
  SessionOptions session;
  bool allow_dirty = false;
};

Attempt<Baseline> header(const RecordOptions& options, const std::string& bundle) {
  const auto commit = commit_of(options.session.checkout);
  if (!commit) return tl::unexpected(commit.error());
  if (commit->dirty && !options.allow_dirty) {
    return tl::unexpected(Error{ErrorKind::value, options.session.checkout,
                                "has changes that are not committed, so the baseline could not be "
                                "rebuilt from its commit; commit them, or --allow-dirty"});
  }
  Store{options.session.store}.note_commit(commit->hash, bundle);
  return Baseline{.created = timestamp_now(),
                  .commit = commit->hash,
                  .bundle = bundle,
                  .build = this_build(),
                  .host = this_host()};
}

int write_baselines(const RecordOptions& options, const Baseline& common,
                    const SessionResult& measured, const SessionPlan& plan) {
  for (const auto& suite : suites_of(plan.cases)) {
    Baseline baseline = common;
    baseline.suite = suite;
    baseline.seed = plan.seed;
    for (const auto& one : measured.pairs.cases) {
      if (one.suite == suite) baseline.same.cases.push_back(one);
    }
    baseline.noise = measure_noise(baseline.same, plan.pairs, plan.rules);
    const std::string path = baseline_path(options.session.baselines, baseline.host.id(), suite);
    const auto written = write_text_file(path, to_json(baseline).dump() + "\n");
    if (!written) return report_error(written.error());
    fmt::print("{}\n", path);
    for (const auto& noise : baseline.noise) {
      fmt::print("  {}/{:<40} mad {:5.2f} %  slot bias {:+5.2f} %  floor {:4.1f} %  sees {}{}\n",
                 noise.case_name, noise.metric, 100 * noise.mad, 100 * noise.slot_bias,
                 100 * noise.floor,
                 noise.detectable ? fmt::format("{:.1f} %", 100 * *noise.detectable) : "nothing",
                 noise.informational ? "  (only information)" : "");
    }
  }
  return exit_ok;
}

int record(const RecordOptions& options) {
  const auto self = keep_this_program(options.session);
  if (!self) return report_error(self.error());
  const auto common = header(options, self->bundle);
  if (!common) return report_error(common.error());
  SessionPlan plan = plan_of(options.session);
  plan.old_sampler = plan.new_sampler = self->sampler;
  plan.second_stage = false;
  auto cases = chosen_cases(options.session, self->sampler);
  if (!cases) return report_error(cases.error());
  plan.cases = std::move(*cases);
  const auto measured = run_session(plan);
  if (!measured) return report_error(measured.error());
  for (const auto& note : measured->notes) fmt::print(stderr, "ordeal-perf: {}\n", note);
  return write_baselines(options, *common, *measured, plan);
}

}  // namespace

void add_record(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "record",
      "measure this commit against itself; its figures, noise and binary become the\n"
      "baseline of this host");
  const auto options = std::make_shared<RecordOptions>();
  add_session_options(command, options->session);
  command->add_flag("--allow-dirty", options->allow_dirty,
                    "even if the checkout differs from its commit");
  command->callback([options, &exit_code] { exit_code = record(*options); });
}

}  // namespace ordeal::perf

// ordeal-perf compare: is this build slower than the baseline's, or than any other sampler?
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "perf/measurement/json_reader.hpp"
#include "perf/tools/commands.hpp"
#include "perf/tools/rules_options.hpp"
#include "perf/tools/session_options.hpp"

namespace ordeal::perf {
namespace {

struct CompareOptions {
  SessionOptions session;
  JudgingOptions judging;
  std::string old_command;
  std::string new_command;
  std::string against;
  std::string pairs_file;
  std::string noise_folder;
  bool any_host = false;
  bool every_metric = false;
};

// What is compared with what, and who says how noisy this machine is.
struct Sides {
  Sampler old_sampler;
  Sampler new_sampler;
  std::vector<Case> cases;
  std::vector<Noise> noise;
  nlohmann::json provenance;
  Baseline before;  // commit, bundle and build of the old side
};

// From the store, else rebuilt from its commit.
Attempt<Sampler> old_sampler_of(const CompareOptions& options, const std::string& commit,
                                const std::string& bundle, const BuildInfo& build) {
  Store store{options.session.store};
  auto folder = store.find(bundle);
  // Built again before, on this machine.
  if (!folder) folder = store.find(store.hash_of_commit(commit));
  if (!folder) {
    fmt::print(stderr, "ordeal-perf: {}; building commit {} again\n", folder.error().text(),
               commit.substr(0, 12));
    const auto resolved = resolve_commit(options.session.checkout, commit);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto rebuilt = rebuild(store, options.session.checkout, *resolved, build);
    if (!rebuilt) return tl::unexpected(rebuilt.error());
    folder = store.find(*rebuilt);
    if (!folder) return tl::unexpected(folder.error());
  }
  return sampler_of_bundle(*folder);
}

Attempt<Sides> foreign_sides(const CompareOptions& options) {
  Sides sides;
  sides.old_sampler.command = words_of(options.old_command);
  sides.new_sampler.command = words_of(options.new_command);
  auto cases = chosen_cases(options.session, sides.new_sampler);
  if (!cases) return tl::unexpected(cases.error());
  sides.cases = std::move(*cases);
  sides.provenance = {{"old", options.old_command}, {"new", options.new_command}};
  return sides;
}

// The commit that all suites' baselines come from.
Attempt<const Baseline*> one_commit(const std::vector<Baseline>& baselines) {
  for (const auto& one : baselines) {
    if (one.commit == baselines.front().commit) continue;
    return tl::unexpected(
        Error{ErrorKind::baseline, one.suite,
              fmt::format("was recorded at {}, {} at {}; compare them one by one with --suite",
                          one.commit.substr(0, 12), baselines.front().suite,
                          baselines.front().commit.substr(0, 12))});
  }
  return &baselines.front();
}

// The old side: which commit, which kept sampler of it, built how.
struct Before {
  std::string commit;
  std::string bundle;
  BuildInfo build;
};

void take_noise(const std::vector<Baseline>& baselines, std::vector<Noise>& noise) {
  for (const auto& one : baselines) {
    noise.insert(noise.end(), one.noise.begin(), one.noise.end());
  }
}

// A new host: its own figures cannot be compared with another's, but the commits can be, side by
// side here.
Attempt<Before> newest_of_any_host(const CompareOptions& options, const Error& none_of_ours) {
  const auto all = load_baselines(options.session.baselines, "");
  if (!all) return tl::unexpected(all.error());
  const auto newest =
      std::max_element(all->begin(), all->end(),
                       [](const Baseline& a, const Baseline& b) { return a.created < b.created; });
  if (newest == all->end()) return tl::unexpected(none_of_ours);
  fmt::print(
      "{}\nThis is a new host: its baselines are not judged. Comparing with commit {} of {}, "
      "built here.\n",
      none_of_ours.text(), newest->commit.substr(0, 12), newest->host.id());
  return Before{newest->commit, Store{options.session.store}.hash_of_commit(newest->commit),
                this_build()};
}

Attempt<Before> before_of(const CompareOptions& options, const std::vector<Case>& cases,
                          std::vector<Noise>& noise) {
  if (!options.against.empty()) {
    const auto resolved = resolve_commit(options.session.checkout, options.against);
    if (!resolved) return tl::unexpected(resolved.error());
    return Before{*resolved, Store{options.session.store}.hash_of_commit(*resolved), this_build()};
  }
  const auto baselines = baselines_of(options.session.baselines, suites_of(cases), this_host());
  if (!baselines) {
    const bool is_new_host = baselines.error().kind == ErrorKind::baseline && options.any_host;
    if (!is_new_host) return tl::unexpected(baselines.error());
    return newest_of_any_host(options, baselines.error());
  }
  const auto baseline = one_commit(*baselines);
  if (!baseline) return tl::unexpected(baseline.error());
  take_noise(*baselines, noise);
  return Before{(*baseline)->commit, (*baseline)->bundle, (*baseline)->build};
}

Attempt<Sides> sides_of(const CompareOptions& options) {
  if (!options.old_command.empty()) return foreign_sides(options);
  const auto self = keep_this_program(options.session);
  if (!self) return tl::unexpected(self.error());
  Sides sides;
  sides.new_sampler = self->sampler;
  auto cases = chosen_cases(options.session, self->sampler);
  if (!cases) return tl::unexpected(cases.error());
  sides.cases = std::move(*cases);
  const auto before = before_of(options, sides.cases, sides.noise);
  if (!before) return tl::unexpected(before.error());
  if (sides.noise.empty() && !options.noise_folder.empty()) {
    // Where there is none, the rules' own floors hold.
    const auto known = baselines_of(options.noise_folder, suites_of(sides.cases), this_host());
    if (known) take_noise(*known, sides.noise);
  }
  auto old_sampler = old_sampler_of(options, before->commit, before->bundle, before->build);
  if (!old_sampler) return tl::unexpected(old_sampler.error());
  sides.old_sampler = std::move(*old_sampler);
  sides.provenance = {
      {"old", before->commit}, {"new", self->bundle}, {"host", to_json(this_host())}};
  sides.before = {.created = timestamp_now(),
                  .commit = before->commit,
                  .bundle = before->bundle,
                  .build = before->build,
                  .host = this_host()};
  return sides;
}

// A new host's noise: the old side beside itself, through the same path; kept in the noise folder.
Attempt<void> measure_noise_here(const CompareOptions& options, Sides& sides, SessionPlan plan) {
  fmt::print(
      "A/A first, since this host's noise is not known: {} pairs of the old side with itself\n",
      plan.pairs);
  plan.old_sampler = plan.new_sampler = sides.old_sampler;
  plan.cases = sides.cases;
  plan.second_stage = false;
  const auto measured = run_session(plan);
  if (!measured) return tl::unexpected(measured.error());
  for (const auto& suite : suites_of(sides.cases)) {
    Baseline noise = sides.before;
    noise.suite = suite;
    noise.seed = plan.seed;
    for (const auto& one : measured->pairs.cases) {
      if (one.suite == suite) noise.same.cases.push_back(one);
    }
    if (noise.same.cases.empty()) continue;
    noise.noise = measure_noise(noise.same, plan.pairs, plan.rules);
    sides.noise.insert(sides.noise.end(), noise.noise.begin(), noise.noise.end());
    const auto written = write_text_file(
        baseline_path(options.noise_folder, noise.host.id(), suite), to_json(noise).dump() + "\n");
    if (!written) return written;
  }
  return {};
}

int compare(const CompareOptions& options) {
  if (options.old_command.empty() != options.new_command.empty()) {
    return report_error({ErrorKind::value, "--old, --new", "go together"});
  }
  auto sides = sides_of(options);
  if (!sides) return report_error(sides.error());
  SessionPlan plan = plan_of(options.session);
  plan.rules = options.judging.rules;
  plan.every_metric = options.every_metric;
  if (options.any_host && sides->noise.empty() && !options.noise_folder.empty()) {
    const auto known = measure_noise_here(options, *sides, plan);
    if (!known) return report_error(known.error());
  }
  plan.old_sampler = sides->old_sampler;
  plan.new_sampler = sides->new_sampler;
  plan.cases = std::move(sides->cases);
  plan.noise = std::move(sides->noise);
  auto measured = run_session(plan);
  if (!measured) return report_error(measured.error());
  for (const auto& note : measured->notes) fmt::print(stderr, "ordeal-perf: {}\n", note);
  measured->pairs.provenance = std::move(sides->provenance);
  measured->pairs.provenance["seed"] = plan.seed;
  measured->pairs.provenance["created"] = timestamp_now();
  if (!options.pairs_file.empty()) {
    const auto written =
        write_text_file(options.pairs_file, to_json(measured->pairs).dump() + "\n");
    if (!written) return report_error(written.error());
  }
  if (measured->pairs.cases.empty()) {
    return report_error({ErrorKind::baseline, "compare", "nothing could be compared"});
  }
  const int code = tell(judge_by(options.judging, measured->pairs), options.judging);
  fmt::print(stderr, "ordeal-perf: again with --seed {}\n", plan.seed);
  return code;
}

}  // namespace

void add_compare(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "compare",
      "is this build slower than its baseline? Old and new side by side, in pairs of\n"
      "fresh processes");
  const auto options = std::make_shared<CompareOptions>();
  add_session_options(command, options->session);
  add_judging_options(command, options->judging);
  command->add_option("--against", options->against,
                      "a commit instead of the baseline; built again unless it is kept");
  command->add_option("--old", options->old_command,
                      "a sampler instead of the baseline: a command that takes what `sample` and "
                      "`cases` take");
  command->add_option("--new", options->new_command, "a sampler instead of this build");
  command->add_flag("--any-host", options->any_host,
                    "on a host without a baseline: against the commit of the newest one there is");
  command->add_option(
      "--noise", options->noise_folder,
      "folder of baselines that say how noisy this host is, where --baselines do not");
  command->add_option("--pairs-file", options->pairs_file, "write the raw pairs there (for judge)");
  command->add_flag("--every-metric", options->every_metric,
                    "a second stage also for metrics that are not gated");
  command->callback([options, &exit_code] { exit_code = compare(*options); });
}

}  // namespace ordeal::perf

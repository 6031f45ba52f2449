// ordeal-perf history: each metric over the nights, its levels, and whether the newest night is out
// of line. Advice: it never fails a build, unless asked to.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "perf/baseline/baseline_file.hpp"
#include "perf/baseline/build_info.hpp"
#include "perf/baseline/fingerprint.hpp"
#include "perf/baseline/history_file.hpp"
#include "perf/baseline/store.hpp"
#include "perf/measurement/json_reader.hpp"
#include "perf/stats/dspex_rule.hpp"
#include "perf/stats/history.hpp"
#include "perf/tools/commands.hpp"

namespace ordeal::perf {
namespace {

struct HistoryOptions {
  std::string store = Store::standard_folder();
  std::string checkout = checkout_of_this_build();
  std::vector<std::string> suites;
  std::string append;  // pairs whose new side is a night
  std::string rule = "quartiles";
  bool strict = false;
  bool all = false;
};

struct Series {
  Metric metric;
  std::vector<double> values;
  std::vector<std::string> commits;
};

int append_pairs(const HistoryOptions& options) {
  const auto value = read_json_file(options.append);
  if (!value) return report_error(value.error());
  const auto pairs = pairs_from_json(*value, options.append);
  if (!pairs) return report_error(pairs.error());
  const auto commit = commit_of(options.checkout);
  if (!commit) return report_error(commit.error());
  const std::string host_id = this_host().id();
  for (auto& night : nights_of(*pairs)) {
    night.created = timestamp_now();
    night.commit = commit->hash;
    night.dirty = commit->dirty;
    night.host_id = host_id;
    const auto appended = append_night(history_path(options.store, host_id, night.suite), night);
    if (!appended) return report_error(appended.error());
  }
  return exit_ok;
}

std::map<std::string, Series> series_of(const std::vector<Night>& nights) {
  std::map<std::string, Series> all;
  for (const auto& night : nights) {
    for (const auto& point : night.points) {
      if (!(point.value > 0)) continue;  // has no ratio
      Series& series =
          all[fmt::format("{}/{} {}", night.suite, point.case_name, point.metric.name)];
      series.metric = point.metric;
      series.values.push_back(point.value);
      series.commits.push_back(night.commit.substr(0, 12));
    }
  }
  return all;
}

// True: out of line.
bool tell_series(const std::string& name, const Series& series, const HistoryOptions& options) {
  bool alarm = false;
  std::string opinion_text = fmt::format("{} nights, no opinion yet", series.values.size());
  if (options.rule == "dspex") {
    const std::vector<double> before(series.values.begin(), series.values.end() - 1);
    alarm = dspex_regressed(series.metric, before, series.values.back());
    opinion_text = alarm ? "beyond DSPex's limit" : "within DSPex's limits, or without one";
  } else if (const auto opinion = newest_of(series.values, series.metric.better, {});
             opinion.enough) {
    alarm = opinion.out_of_line;
    opinion_text = fmt::format("{}: costs {:+.1f} % against the median, threshold {:.1f} %",
                               alarm ? "OUT OF LINE" : "in line", 100 * opinion.change,
                               100 * opinion.threshold);
  }
  const auto levels = levels_of(series.values, {});
  if (!alarm && levels.size() < 2 && !options.all) return alarm;
  fmt::print("{}: {:.4g} {}; {}\n", name, series.values.back(), series.metric.unit, opinion_text);
  for (std::size_t i = 1; i < levels.size(); ++i) {
    fmt::print("  level {:.4g} -> {:.4g} ({:+.1f} %) since {} ({} nights)\n", levels[i - 1].median,
               levels[i].median, 100 * (levels[i].median / levels[i - 1].median - 1),
               series.commits[levels[i].first], levels[i].count);
  }
  return alarm;
}

int tell_history(const HistoryOptions& options) {
  const std::string folder =
      std::filesystem::path{history_path(options.store, this_host().id(), "x")}.parent_path();
  std::vector<std::string> paths;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator{folder, none}) {
    const auto& suites = options.suites;
    const bool wanted = suites.empty() || std::find(suites.begin(), suites.end(),
                                                    entry.path().stem().string()) != suites.end();
    if (wanted && entry.path().extension() == ".jsonl") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) {
    return report_error({ErrorKind::baseline, folder,
                         "has no history of this host; scripts/nightly appends to it"});
  }
  bool alarm = false;
  for (const auto& path : paths) {
    const auto nights = read_nights(path);
    if (!nights) return report_error(nights.error());
    for (const auto& [name, series] : series_of(*nights)) {
      alarm |= tell_series(name, series, options);
    }
  }
  if (!alarm) fmt::print("nothing is out of line (advice only)\n");
  return alarm && options.strict ? exit_regression : exit_ok;
}

}  // namespace

void add_history(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "history", "each metric over the nights, its levels, and whether the newest is out of line");
  const auto options = std::make_shared<HistoryOptions>();
  command->add_option("--store", options->store, "where history is kept ($ORDEAL_PERF_STORE)")
      ->capture_default_str();
  command->add_option("--checkout", options->checkout, "whose commit a night is of")
      ->capture_default_str();
  command->add_option("--suite", options->suites, "only these suites (repeatable)");
  command->add_option("--append", options->append,
                      "append the new side of these pairs (compare --pairs-file) as a night");
  command
      ->add_option("--rule", options->rule, "quartiles: Q3 + 3 IQR of 30 nights; dspex: 20/20/10 %")
      ->check(CLI::IsMember({"quartiles", "dspex"}))
      ->capture_default_str();
  command->add_flag("--strict", options->strict, "exit 1 if one is out of line");
  command->add_flag("--all", options->all, "also those of which there is nothing to tell");
  command->callback([options, &exit_code] {
    exit_code = options->append.empty() ? tell_history(*options) : append_pairs(*options);
  });
}

}  // namespace ordeal::perf

// report: a run as a page and as Markdown.
#include <fmt/format.h>

#include <map>
#include <memory>

#include "perf/baseline/history_file.hpp"
#include "perf/measurement/json_reader.hpp"
#include "perf/report/report.hpp"
#include "perf/stats/history.hpp"
#include "perf/tools/commands.hpp"

namespace ordeal::perf {
namespace {

struct ReportArguments {
  std::string run_file;
  std::string baseline_file;
  std::vector<std::string> history_files;
  std::string html_file;
  std::string markdown_file;
};

using Found = std::map<std::pair<std::string, std::string>, HistorySeries>;

// The nights of a suite as a series for each gated metric, with its levels.
Attempt<void> add_history(const std::string& path, std::vector<HistorySeries>& all) {
  const auto nights = read_nights(path);
  if (!nights) return tl::unexpected(nights.error());
  if (nights->empty()) {
    return tl::unexpected(
        Error{.kind = ErrorKind::file, .about = path, .message = "has no nights"});
  }
  Found found;
  for (const Night& night : *nights) {
    for (const HistoryPoint& point : night.points) {
      if (!point.metric.gated || !(point.value > 0)) continue;
      HistorySeries& series = found[std::pair{point.case_name, point.metric.name}];
      series.suite = night.suite;
      series.case_name = point.case_name;
      series.metric = point.metric.name;
      series.unit = point.metric.unit;
      series.values.push_back(point.value);
      series.commits.push_back(night.commit);
    }
  }
  for (auto& [key, series] : found) {
    for (const Level& level : levels_of(series.values, {})) {
      series.levels.push_back({.first = level.first, .count = level.count, .median = level.median});
    }
    all.push_back(std::move(series));
  }
  return {};
}

int report(const ReportArguments& arguments) {
  const auto run = read_run(arguments.run_file);
  if (!run) return report_error(run.error());
  nlohmann::json baseline;
  if (!arguments.baseline_file.empty()) {
    auto read = read_run(arguments.baseline_file);
    if (!read) return report_error(read.error());
    baseline = std::move(*read);
  }
  std::vector<HistorySeries> history;
  for (const std::string& file : arguments.history_files) {
    if (const auto added = add_history(file, history); !added) return report_error(added.error());
  }
  if (!arguments.html_file.empty()) {
    const auto written = write_text_file(arguments.html_file, html_page(*run, baseline, history));
    if (!written) return report_error(written.error());
  }
  const std::string markdown = markdown_summary(*run, baseline);
  if (arguments.markdown_file.empty()) {
    if (arguments.html_file.empty()) fmt::print("{}", markdown);
    return exit_ok;
  }
  const auto written = write_text_file(arguments.markdown_file, markdown);
  return written ? exit_ok : report_error(written.error());
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* command = app.add_subcommand(
      "report", "A run as one HTML page, and as Markdown (printed, if no file is named)");
  command->add_option("run", arguments->run_file, "JSON of ordeal-perf run")->required();
  command->add_option("--baseline", arguments->baseline_file, "another run, to show beside it");
  command->add_option("--history", arguments->history_files, "JSON lines of nights; repeatable");
  command->add_option("--html", arguments->html_file, "write the page there");
  command->add_option("--markdown", arguments->markdown_file, "write the summary there");
  command->callback([arguments, &exit_code] { exit_code = report(*arguments); });
}

}  // namespace ordeal::perf

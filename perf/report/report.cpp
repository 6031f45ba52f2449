#include "perf/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "perf/contest/run_document.hpp"
#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {
namespace {

using nlohmann::json;

// report/page.html, built in (page.S).
extern "C" const char ordeal_perf_page_begin[];
extern "C" const char ordeal_perf_page_end[];

constexpr std::string_view mark = "@DATA@";

// "</script>" inside a text would end the page's data.
std::string safe(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '<') {
      result += "\\u003c";
    } else {
      result += letter;
    }
  }
  return result;
}

std::string micros(double us) {
  if (us >= 1e6) return fmt::format("{:.2f} s", us / 1e6);
  if (us >= 1e3) return fmt::format("{:.2f} ms", us / 1e3);
  return fmt::format("{:.1f} µs", us);
}

bool counts_throughput(const json& one) { return one["params"].value("callers", 1) > 1; }

std::string figure(const json& standing, bool throughput) {
  return throughput ? fmt::format("{:.0f}/s", standing["per_s"].get<double>())
                    : micros(standing["mean_us"].get<double>());
}

std::string column_of(const json& one, const std::string& name) {
  for (const json& other : one["contest"]["others"]) {
    if (other["name"] != name) continue;
    if (!other["why_not"].get<std::string>().empty()) return "not run";
    const bool throughput = counts_throughput(one);
    const json& ratio = other["ratios"][throughput ? "throughput" : "mean"];
    std::string text =
        fmt::format("{} ({:.2f} ×)", figure(other, throughput), ratio.value("median", 0.0));
    if (!other["note"].get<std::string>().empty()) text += ", " + other["note"].get<std::string>();
    return text;
  }
  return "";
}

void add_contests(std::string& text, const json& run) {
  std::vector<const json*> cases;
  std::vector<std::string> names;
  for (const json& one : run["cases"]) {
    if (!one.contains("contest")) continue;
    cases.push_back(&one);
    for (const json& other : one["contest"]["others"]) {
      const auto name = other["name"].get<std::string>();
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  if (cases.empty()) return;
  text +=
      "\nSide by side; × is Ordeal over the other, of means, or of throughputs where many "
      "call.\n\n";
  text += "| | Ordeal |";
  for (const std::string& name : names) text += " " + name + " |";
  text += "\n|---|---|";
  for (std::size_t i = 0; i < names.size(); ++i) text += "---|";
  for (const json* one : cases) {
    text += fmt::format("\n| {}/{} | {} |", (*one)["suite"].get<std::string>(),
                        (*one)["case"].get<std::string>(),
                        figure((*one)["contest"]["ordeal"], counts_throughput(*one)));
    for (const std::string& name : names) text += " " + column_of(*one, name) + " |";
  }
  text += "\n";
}

void add_bars(std::string& text, const json& run) {
  std::size_t all = 0;
  std::string missed;
  for (const json& one : run["cases"]) {
    for (const json& bar : one["bars"]) {
      ++all;
      if (bar["met"].get<bool>()) continue;
      missed += fmt::format(
          "* **missed**: {}/{}: {}{} is {:.3g}, bar {}\n", one["suite"].get<std::string>(),
          one["case"].get<std::string>(), bar["metric"].get<std::string>(),
          bar.contains("beside") ? " over " + bar["beside"].get<std::string>() : "",
          bar.value("value", 0.0),
          bar.contains("max") ? fmt::format("≤ {}", bar["max"].get<double>())
                              : fmt::format("≥ {}", bar["min"].get<double>()));
    }
  }
  text += missed.empty() ? fmt::format("All {} bars are met.\n", all) : missed;
}

void add_baseline(std::string& text, const json& run, const json& baseline) {
  text += "\nBeside the baseline of " + baseline["created"].get<std::string>() +
          " (told, not judged; only gated metrics that differ by 3 % or more):\n\n";
  text += "| | then | now | now / then |\n|---|---|---|---|\n";
  std::size_t rows = 0;
  for (const json& one : run["cases"]) {
    for (const json& old : baseline["cases"]) {
      if (old["suite"] != one["suite"] || old["case"] != one["case"]) continue;
      for (const json& metric : one["metrics"]) {
        for (const json& before : old["metrics"]) {
          const double then = before["value"].get<double>();
          const double now = metric["value"].get<double>();
          if (before["name"] != metric["name"] || !metric["gated"].get<bool>() || then <= 0)
            continue;
          if (now / then > 0.97 && now / then < 1.03) continue;
          text += fmt::format("| {}/{} {} ({}) | {:.4g} | {:.4g} | {:.3f} |\n",
                              one["suite"].get<std::string>(), one["case"].get<std::string>(),
                              metric["name"].get<std::string>(), metric["unit"].get<std::string>(),
                              then, now, now / then);
          ++rows;
        }
      }
    }
  }
  if (rows == 0) text += "| none | | | |\n";
}

}  // namespace

Attempt<json> read_run(const std::string& path) {
  auto run = read_json_file(path);
  if (!run) return run;
  if (!run->is_object() || run->value("schema", "") != run_schema || !run->contains("cases")) {
    return tl::unexpected(Error{.kind = ErrorKind::schema,
                                .about = path,
                                .message = fmt::format("is no run: its schema must be {} "
                                                       "(ordeal-perf run --json writes one)",
                                                       run_schema)});
  }
  return run;
}

std::string html_page(const json& run, const json& baseline,
                      const std::vector<HistorySeries>& history) {
  json series = json::array();
  for (const HistorySeries& each : history) {
    json levels = json::array();
    for (const auto& level : each.levels) {
      levels.push_back({{"first", level.first}, {"count", level.count}, {"median", level.median}});
    }
    series.push_back({{"suite", each.suite},
                      {"case", each.case_name},
                      {"metric", each.metric},
                      {"unit", each.unit},
                      {"values", each.values},
                      {"commits", each.commits},
                      {"levels", std::move(levels)}});
  }
  const json data = {{"run", run}, {"baseline", baseline}, {"history", std::move(series)}};
  const std::string_view shell{
      ordeal_perf_page_begin,
      static_cast<std::size_t>(ordeal_perf_page_end - ordeal_perf_page_begin)};
  const std::size_t at = shell.find(mark);
  return std::string{shell.substr(0, at)} + safe(data.dump()) +
         std::string{shell.substr(at + mark.size())};
}

std::string markdown_summary(const json& run, const json& baseline) {
  std::string text =
      fmt::format("### Performance\n\n{}{} cases, {} × {}, {}.\n\n",
                  run["quick"].get<bool>() ? "A quick run. " : "", run["cases"].size(),
                  run["host"]["cpus"].dump(), run["host"]["model"].get<std::string>(),
                  run["created"].get<std::string>());
  add_bars(text, run);
  add_contests(text, run);
  if (!baseline.is_null()) add_baseline(text, run, baseline);
  return text;
}

}  // namespace ordeal::perf

#include "perf/suites/suite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "perf/contest/contestant_names.hpp"
#include "perf/suites/embedded.hpp"
#include "testing/toml/toml_reader.hpp"

namespace ordeal::perf {
namespace {

using trial::TomlReader;

constexpr std::array<std::string_view, 9> scenario_names = {
    "calls", "start", "replace", "kills", "roll", "overload", "store", "core", "simulation"};

std::string listed(const auto& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + std::string{name};
  return text;
}

// A text that must be one of `names`; its complaint, or nothing.
std::string choose(const std::string& value, const auto& names, std::string& out) {
  if (std::find(names.begin(), names.end(), value) == names.end()) {
    return fmt::format("'{}', allowed: {}", value, listed(names));
  }
  out = value;
  return {};
}

std::string is_metric(const CaseSpec& spec, const std::string& name) {
  std::vector<std::string> names;
  for (const Metric& metric : metrics_of(spec)) names.push_back(metric.name);
  std::string chosen;
  return choose(name, names, chosen);
}

void read_bar(TomlReader& reader, CaseSpec& spec) {
  Bar bar;
  reader.require("metric");
  reader.text("beside",
              [&](const std::string& text) { return choose(text, spec.beside, bar.beside); });
  reader.text("metric", [&](const std::string& text) {
    bar.metric = text;
    return bar.beside.empty() ? is_metric(spec, text)
                              : choose(text, contest_metric_names, bar.metric);
  });
  reader.real("min", bar.min);
  reader.real("max", bar.max);
  reader.flag("advice", bar.advice);
  reader.finish();
  if (!bar.min && !bar.max) reader.refuse("a bar needs min or max");
  spec.bars.push_back(std::move(bar));
}

void read_work(TomlReader& reader, CaseSpec& spec) {
  constexpr std::array<std::string_view, 3> commands = {"echo", "sleep", "busy"};
  reader.text("command",
              [&](const std::string& text) { return choose(text, commands, spec.command); });
  reader.number("payload_bytes", spec.payload_bytes, 0, 64 << 20);
  reader.number("work_ms", spec.work_ms, 0, 60'000);
  reader.number("callers", spec.callers, 1, 1024);
  reader.number("calls", spec.calls, 1, 1'000'000'000);
  reader.duration("duration_ms", spec.duration, 1);
  reader.duration("deadline_ms", spec.deadline, 1);
  reader.number("warm_up_calls", spec.warm_up_calls, 0, 1'000'000);
  reader.number("sessions", spec.sessions, 0, 1'000'000);
  reader.number("sessions_skew_percent", spec.sessions_skew_percent, 0, 300);
  reader.number("load_percent", spec.load_percent, 1, 100);
  reader.duration("kill_every_ms", spec.kill_every, 1);
  reader.flag("pinned", spec.pinned);
  reader.flag("slow_import", spec.slow_import);
  reader.number("rounds", spec.rounds, 1, 10'000);
  constexpr std::array<std::string_view, 2> stores = {"memory", "sqlite"};
  reader.text("store", [&](const std::string& text) { return choose(text, stores, spec.store); });
  constexpr std::array<std::string_view, 3> operations = {"grant", "session", "guarded"};
  reader.text("operation",
              [&](const std::string& text) { return choose(text, operations, spec.operation); });
}

void note_params(CaseSpec& spec) {
  spec.params["scenario"] = to_string(spec.scenario);
  const auto note = [&](const char* name, auto value, auto usual) {
    if (value != usual) spec.params[name] = value;
  };
  const CaseSpec usual;
  note("command", spec.command, usual.command);
  note("payload_bytes", spec.payload_bytes, usual.payload_bytes);
  note("work_ms", spec.work_ms, usual.work_ms);
  note("callers", spec.callers, usual.callers);
  note("calls", spec.calls, usual.calls);
  note("sessions", spec.sessions, usual.sessions);
  note("load_percent", spec.load_percent, usual.load_percent);
  note("pinned", spec.pinned, usual.pinned);
  note("slow_import", spec.slow_import, usual.slow_import);
  note("rounds", spec.rounds, usual.rounds);
  note("store", spec.store, usual.store);
  note("operation", spec.operation, usual.operation);
}

CaseSpec read_case(TomlReader& reader, const std::string& suite) {
  CaseSpec spec;
  spec.suite = suite;
  reader.require("name");
  reader.require("scenario");
  reader.text("name", [&](const std::string& text) {
    spec.name = text;
    const auto allowed = [](char letter) {
      return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), allowed)
               ? std::string{}
               : fmt::format("'{}': a name is made of a-z, 0-9 and _", text);
  });
  reader.text("about", [&](const std::string& text) {
    spec.about = text;
    return std::string{};
  });
  reader.text("scenario", [&](const std::string& text) {
    std::string chosen;
    const std::string complaint = choose(text, scenario_names, chosen);
    if (complaint.empty()) {
      const auto at = std::find(scenario_names.begin(), scenario_names.end(), text);
      spec.scenario = static_cast<Scenario>(at - scenario_names.begin());
    }
    return complaint;
  });
  read_work(reader, spec);
  TomlReader pool = reader.table("pool");
  pool.all([&](const std::string& key, const std::string& text) {
    spec.params["pool." + key] = text;
    const auto set = pool::set_option(spec.pool, key, text);
    return set ? std::string{} : set.error().message;
  });
  if (spec.scenario == Scenario::core && spec.operation.empty()) {
    reader.refuse("scenario core needs an operation: grant, session or guarded");
  }
  reader.texts("beside", [&](const std::string& text) {
    std::string chosen;
    const std::string complaint = choose(text, contestant_names, chosen);
    if (complaint.empty()) spec.beside.push_back(chosen);
    return complaint;
  });
  for (TomlReader& bar : reader.tables("bars")) read_bar(bar, spec);
  reader.finish();
  note_params(spec);
  return spec;
}

Attempt<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return tl::unexpected(
        Error{.kind = ErrorKind::file, .about = path.string(), .message = "cannot be read"});
  }
  return text.str();
}

}  // namespace

std::string_view to_string(Scenario scenario) {
  return scenario_names[static_cast<std::size_t>(scenario)];
}

Attempt<Suite> suite_from_toml(std::string_view text, const std::string& name,
                               const std::string& file_name) {
  const auto refused = [](const std::string& where, const std::string& what) {
    return tl::unexpected(Error{.kind = ErrorKind::value, .about = where, .message = what});
  };
  toml::table root;
  try {
    root = toml::parse(text, file_name);
  } catch (const toml::parse_error& error) {
    return refused(fmt::format("{}:{}", file_name, error.source().begin.line),
                   std::string{error.description()});
  }
  std::string error;
  Suite suite{.name = name};
  TomlReader reader{&root, "", file_name, error};
  reader.text("about", [&](const std::string& about) {
    suite.about = about;
    return std::string{};
  });
  reader.require("about");
  for (TomlReader& case_reader : reader.tables("case")) {
    suite.cases.push_back(read_case(case_reader, name));
    const CaseSpec& last = suite.cases.back();
    const auto same = [&](const CaseSpec& other) { return other.name == last.name; };
    if (std::count_if(suite.cases.begin(), suite.cases.end(), same) > 1) {
      case_reader.refuse(fmt::format("case.name: '{}' is there twice", last.name));
    }
  }
  reader.finish();
  if (error.empty() && suite.cases.empty()) error = file_name + ": no [[case]] in it";
  if (!error.empty()) {
    const std::size_t colon = error.find(": ");
    return refused(error.substr(0, colon), error.substr(colon + 2));
  }
  return suite;
}

Attempt<std::vector<Suite>> built_in_suites() {
  std::vector<Suite> suites;
  for (const EmbeddedSuite& file : embedded_suites()) {
    auto suite = suite_from_toml(file.text, std::string{file.name},
                                 fmt::format("perf/suites/{}.toml", file.name));
    if (!suite) return tl::unexpected(suite.error());
    suites.push_back(std::move(*suite));
  }
  return suites;
}

Attempt<std::vector<Suite>> suites_of_folder(const std::string& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{folder, error}) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  if (error || files.empty()) {
    return tl::unexpected(Error{.kind = ErrorKind::file,
                                .about = folder,
                                .message = error ? error.message() : "no *.toml file in it"});
  }
  std::sort(files.begin(), files.end());
  std::vector<Suite> suites;
  for (const auto& path : files) {
    const auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    auto suite = suite_from_toml(*text, path.stem().string(), path.string());
    if (!suite) return tl::unexpected(suite.error());
    suites.push_back(std::move(*suite));
  }
  return suites;
}

Attempt<CaseSpec> find_case(const std::vector<Suite>& suites, std::string_view suite,
                            std::string_view name) {
  std::vector<std::string> suite_names;
  std::vector<std::string> case_names;
  for (const Suite& each : suites) {
    suite_names.push_back(each.name);
    if (each.name != suite) continue;
    for (const CaseSpec& spec : each.cases) {
      if (spec.name == name) return spec;
      case_names.push_back(spec.name);
    }
  }
  const bool known_suite = !case_names.empty();
  return tl::unexpected(
      Error{.kind = ErrorKind::value,
            .about = known_suite ? "--case" : "--suite",
            .message = fmt::format("there is no '{}', allowed: {}", known_suite ? name : suite,
                                   known_suite ? listed(case_names) : listed(suite_names))});
}

}  // namespace ordeal::perf

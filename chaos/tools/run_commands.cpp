// run and replay: experiments against real processes, and their verdicts.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "chaos/experiment/account.hpp"
#include "chaos/experiment/judge.hpp"
#include "chaos/report/report.hpp"
#include "chaos/tools/commands.hpp"
#include "chaos/tools/contain.hpp"
#include "chaos/tools/print.hpp"

namespace ordeal::chaos {
namespace {

int complain(std::string_view message) {
  fmt::print(stderr, "ordeal-chaos: {}\n", message);
  return exit_could_not_run;
}

// Of several: what could not run, then what failed, then what is unknown.
int worse_of(int a, int b) {
  constexpr int order[] = {exit_could_not_run, exit_fail, exit_unknown};
  for (const int code : order) {
    if (a == code || b == code) return code;
  }
  return exit_pass;
}

// "x.jsonl" of "frozen.toml", if there are several: "frozen-x.jsonl".
std::string named_after(const std::string& wanted, const std::string& file, bool several) {
  if (wanted.empty() || !several) return wanted;
  const std::filesystem::path path{wanted};
  return path.parent_path() / fmt::format("{}-{}", std::filesystem::path{file}.stem().string(),
                                          path.filename().string());
}

std::function<void(const RunProgress&)> progress_line(const Plan& plan, bool quiet) {
  if (quiet || isatty(STDERR_FILENO) != 1) return {};
  return [&plan](const RunProgress& seen) {
    fmt::print(stderr, "\r\033[K{}: {:.1f} s  {} calls, {} ok  {} faults  {} of {} workers serve",
               plan.title, static_cast<double>(seen.since_start.count()) / 1e3, seen.load.sent,
               seen.load.ok, seen.strikes, seen.serving, plan.pool.size);
    std::fflush(stderr);
  };
}

void print_faults(const RunResult& result) {
  const auto text_of = [](const std::optional<double>& ms) {
    return ms ? fmt::format("{:.0f} ms", *ms) : std::string{"-"};
  };
  const std::vector<StrikeAccount> accounts = account_of(result);
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    const Strike& strike = result.strikes[i];
    const StrikeAccount& account = accounts[i];
    if (strike.state == Strike::State::skipped) {
      fmt::print("  {:>3}  {}: skipped: {}\n", strike.number, strike.kind->name, strike.reason);
      continue;
    }
    const auto since = [&strike](TimePoint at) -> std::optional<double> {
      if (at == TimePoint{}) return {};
      return std::chrono::duration<double, std::milli>(at - strike.injected_at).count();
    };
    fmt::print(
        "  {:>3}  {} on {} ({}): {}; proved {}, noticed {}, undone {}, next ok {}, whole {}, "
        "{} calls lost, {} repeated\n",
        strike.number, strike.kind->name, strike.target, strike.id.pid,
        strike.was_proved ? strike.evidence : strike.reason, text_of(since(strike.proved_at)),
        text_of(account.noticed_ms), text_of(since(strike.undone_at)), text_of(account.first_ok_ms),
        text_of(account.whole_ms), account.lost, account.repeated);
  }
}

struct OneRun {
  const Plan& plan;
  std::string file;
  std::string journal;
  std::string report;
  std::string repeat;  // the command that does it again
};

int run_here(const OneRun& one, const CommandOptions& options) {
  Journal journal;
  if (!one.journal.empty()) {
    auto opened = Journal::open(one.journal);
    if (!opened) return complain(opened.error().message);
    journal = std::move(*opened);
  }
  const RunOptions run{
      .state_folder = options.state_folder,
      .relay_program = options.relay_program,
      .model_program = std::filesystem::path{options.bridge}.parent_path() / "mock_gemini.py",
      .on_progress = progress_line(one.plan, options.quiet),
      .before_rollback = {},
      .interrupted = asked_to_end};
  auto result = run_plan(one.plan, run, journal);
  if (run.on_progress) fmt::print(stderr, "\r\033[K");
  if (!result) {
    journal.note("verdict", {{"verdict", "could not run"}, {"why", {result.error().message}}});
    return complain(fmt::format("{}: {}", one.file, result.error().message));
  }
  const std::vector<Check> checks = judge_run(one.plan, *result);
  const trial::Verdict verdict = overall(checks);
  fmt::print("{} (seed {})\n", one.plan.title, one.plan.seed);
  print_faults(*result);
  print_checks(checks);
  journal.note("repeat", {{"command", one.repeat}});
  note_verdict(journal, one.plan, *result, checks);
  fmt::print("{}  (repeat: {})\n", to_string(verdict.kind()), one.repeat);
  std::fflush(stdout);
  const int exit_code = exit_code_of(verdict.kind());
  if (result->threads_left_behind()) end_process(exit_code);
  return exit_code;
}

void undo_before(const Registry& registry, const CommandOptions& options) {
  for (const Leftover& left : undo_leftovers(options.state_folder, registry)) {
    fmt::print(stderr, "an earlier run left {}: {}\n", left.kind,
               left.error.empty() ? "undone" : left.error);
  }
}

// The pool has taken its host down, or somebody has ended it. The journal gets the verdict that the
// run could not write any more.
int note_the_end(const OneRun& one, int signal) {
  const bool from_outside = signal == SIGKILL || signal == SIGTERM || signal == SIGINT;
  const std::string sentence =
      fmt::format("the host of the pool was ended by SIG{}{}", sigabbrev_np(signal),
                  from_outside ? "" : ": the pool crashed");
  Check check{"host", sentence,
              from_outside ? trial::Verdict::unknown(sentence) : trial::Verdict::fail({sentence})};
  fmt::print("{} (seed {})\n", one.plan.title, one.plan.seed);
  print_checks({check});
  if (auto journal = Journal::reopen(one.journal); journal) {
    journal->note("repeat", {{"command", one.repeat}});
    note_checks(*journal, one.plan.title, one.plan.seed, {check});
  }
  fmt::print("{}  (repeat: {})\n", to_string(check.verdict.kind()), one.repeat);
  return exit_code_of(check.verdict.kind());
}

int run_one(const Registry& registry, const OneRun& one, const CommandOptions& options) {
  if (options.world == "simulated") {
    return run_simulated(one.plan, {one.file, one.journal, one.report, options.trace, one.repeat});
  }
  const Contained run = run_contained([&] { return run_here(one, options); });
  int exit_code = run.exit_code;
  if (run.signal != 0) {
    undo_before(registry, options);
    exit_code = note_the_end(one, run.signal);
  }
  if (!one.report.empty() && exit_code != exit_could_not_run) {
    const auto written = write_report(one.journal, one.report);
    if (!written) return complain(written.error());
    fmt::print("report: {}\n", one.report);
  }
  return exit_code;
}

// A full disk must be an error, not our end.
void ignore_file_size_signal() { signal(SIGXFSZ, SIG_IGN); }

pool::Result<Plan> read_plan(const std::string& file, const Registry& registry,
                             const CommandOptions& options) {
  std::ifstream stream{file};
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) {
    return tl::unexpected(
        pool::make_error(pool::ErrorCode::invalid_option, file + ": cannot read"));
  }
  auto plan = plan_from_toml(text.str(), file, registry, options.bridge);
  if (plan && options.seed) {
    plan->seed = *options.seed;
    draw_schedule(*plan);
  }
  return plan;
}

// The plan of a journal: its experiment, with the shots that were fired, when they were. A run in
// virtual time follows from its seed; `options` get its world.
Attempt<Plan> plan_of_journal(const std::string& file, const Registry& registry,
                              CommandOptions& options) {
  std::ifstream lines{file};
  std::optional<Plan> plan;
  double load_began = 0;
  for (std::string text; std::getline(lines, text);) {
    const json line = json::parse(text, nullptr, false);
    if (!line.is_object()) continue;
    const std::string event = line.value("event", "");
    if (event == "run_started") {
      if (line.value("schema", 0) != journal_schema) {
        return tl::unexpected(
            fmt::format("{}: schema {}, known: {}", file, line.value("schema", 0), journal_schema));
      }
      auto read = plan_from_toml(line.value("experiment", ""), file, registry, options.bridge);
      if (!read) return tl::unexpected(read.error().message);
      plan = std::move(*read);
      plan->seed = line.value("seed", plan->seed);
      draw_schedule(*plan);
      options.world = line.value("world", "processes");
      if (options.world == "simulated") return std::move(*plan);
      plan->shots.clear();
      plan->exact = true;
    } else if (event == "load_began") {
      load_began = line.value("t_ms", 0.0);
    } else if (event == "fault" && line.value("state", "") == "injected" && plan) {
      const auto entry = line.value("entry", std::size_t{0});
      const milliseconds due{static_cast<std::int64_t>(line.value("t_ms", 0.0) - load_began)};
      if (entry >= plan->faults.size()) continue;
      // One shot may have had several targets.
      const bool same = !plan->shots.empty() && plan->shots.back().entry == entry &&
                        due - plan->shots.back().due < milliseconds{3};
      if (!same) plan->shots.push_back({entry, due});
    }
  }
  if (!plan) return tl::unexpected(file + ": no journal of a run");
  return std::move(*plan);
}

}  // namespace

int exit_code_of(trial::Verdict::Kind kind) {
  switch (kind) {
    case trial::Verdict::Kind::pass:
      return exit_pass;
    case trial::Verdict::Kind::fail:
      return exit_fail;
    case trial::Verdict::Kind::unknown:
      return exit_unknown;
  }
  return exit_unknown;
}

int run_files(const Registry& registry, const CommandOptions& options) {
  if (!options.report.empty() && options.journal.empty()) {
    return complain("--report is made from the journal: give --journal, too");
  }
  ignore_file_size_signal();
  undo_before(registry, options);
  int exit_code = exit_pass;
  const bool several = options.files.size() > 1;
  for (const std::string& file : options.files) {
    const auto plan = read_plan(file, registry, options);
    if (!plan) {
      exit_code = worse_of(exit_code, complain(plan.error().message));
      continue;
    }
    const OneRun one{
        *plan, file, named_after(options.journal, file, several),
        named_after(options.report, file, several),
        fmt::format("ordeal-chaos run {}{} --seed {}",
                    options.world == "simulated" ? "--world simulated " : "", file, plan->seed)};
    exit_code = worse_of(exit_code, run_one(registry, one, options));
  }
  return exit_code;
}

int replay_journal(const Registry& registry, const CommandOptions& given) {
  CommandOptions options = given;
  ignore_file_size_signal();
  undo_before(registry, options);
  const std::string& file = options.files.front();
  const auto plan = plan_of_journal(file, registry, options);
  if (!plan) return complain(plan.error());
  return run_one(
      registry,
      {*plan, file, options.journal, options.report, fmt::format("ordeal-chaos replay {}", file)},
      options);
}

}  // namespace ordeal::chaos

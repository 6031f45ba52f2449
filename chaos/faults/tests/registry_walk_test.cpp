// Proof cannot be faked: each fault of the registry with nothing for its inject(), and each with
// nothing for its undo(), in runs against real processes. Not one of them may end as a pass.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "chaos/experiment/judge.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::chaos {
namespace {

using testing::HasSubstr;
using trial::Verdict;

constexpr std::string_view relayed_pool = R"([pool]
command = ["{relay}", "--control", "{relay_folder}", "--", "python3", "{mock_bridge}", "--faults"]
session_store = "sqlite:{store}"
environment = { ORDEAL_MODEL_URL = "{model_endpoint}" }
)";
constexpr std::string_view forked_pool = R"([pool]
command = ["python3", "{mock_bridge}", "--faults"]
fork_template = true
warm_spares = 1
)";
constexpr std::string_view rest = R"(size = 2
start_backoff_base_ms = 20
start_timeout_ms = 10000
quarantine_grace_ms = 50
[load]
callers = 4
duration_ms = 4000
deadline_ms = 500
[end]
early = true
settle_ms = 10
quiet_ms = 20
recovery_max_ms = 500
undo_max_ms = 40
[bars]
ok_percent_min = 0
calls_min = 1
progress_min = 1
)";

bool needs_template(const FaultKind& kind) {
  return kind.aim == Aim::fork_template || kind.aim == Aim::spare;
}

std::string joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += sentence + "\n";
  return text;
}

struct Walked {
  Plan plan;
  RunResult result;
  std::vector<Check> checks;
  [[nodiscard]] const Check& check(std::string_view name) const {
    return *std::find_if(checks.begin(), checks.end(),
                         [name](const Check& check) { return check.name == name; });
  }
};

// Each kind once, with `entry` added to its table.
std::optional<Walked> run(const Registry& registry, const std::vector<std::string>& kinds,
                          std::string_view pool, std::string_view entry, RunOptions options) {
  std::string text = fmt::format("title = \"walk\"\nseed = 3\n{}{}", pool, rest);
  const FaultKind* first = registry.find(kinds.front());
  if (kinds.size() == 1 && first->aim == Aim::model) {
    text.replace(text.find("[load]\n"), 7, "[load]\ncommand = \"ask_model\"\n");
  }
  for (const std::string& kind : kinds) {
    text += fmt::format("[[fault]]\nkind = \"{}\"\n{}", kind, entry);
  }
  auto plan = plan_from_toml(text, "walk", registry, ORDEAL_MOCK_BRIDGE);
  if (!plan) {
    ADD_FAILURE() << plan.error().message;
    return {};
  }
  Walked walked{std::move(*plan), {}, {}};
  const std::string state =
      std::filesystem::temp_directory_path() / fmt::format("ordeal-walk-{}", getpid());
  options.state_folder = state;
  options.relay_program = ORDEAL_RELAY;
  options.model_program =
      std::filesystem::path{ORDEAL_MOCK_BRIDGE}.parent_path() / "mock_gemini.py";
  Journal none;
  auto result = run_plan(walked.plan, options, none);
  std::filesystem::remove_all(state);
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  walked.result = std::move(*result);
  walked.checks = judge_run(walked.plan, walked.result);
  return walked;
}

// Of this machine, with that pool.
std::vector<std::string> kinds_for(const Registry& registry, bool of_template) {
  Site site;
  site.relay_folder = site.store_file = "given";
  site.relay_program = ORDEAL_RELAY;
  site.with_model = true;
  std::vector<std::string> names;
  for (const FaultKind& kind : registry.kinds()) {
    if (needs_template(kind) != of_template) continue;
    if (!kind.permit || kind.permit(site).granted) names.emplace_back(kind.name);
  }
  return names;
}

TEST(Registry, a_fault_that_does_nothing_is_not_proved) {
  cites(49);
  Registry registry = all_faults();
  for (FaultKind& kind : registry.kinds()) {
    kind.inject = [](Strike&, Site&) -> Attempt<void> { return {}; };
  }
  for (const bool of_template : {false, true}) {
    const auto kinds = kinds_for(registry, of_template);
    const auto walked =
        run(registry, kinds, of_template ? forked_pool : relayed_pool,
            "overlap = true\nat_ms = 100\nproof_max_ms = 120\nduration_ms = 0\n", RunOptions{});
    ASSERT_TRUE(walked);
    EXPECT_EQ(walked->result.strikes.size(), kinds.size());
    for (const Strike& strike : walked->result.strikes) {
      EXPECT_FALSE(strike.was_proved) << strike.kind->name << ": " << strike.evidence;
      EXPECT_THAT(strike.reason, HasSubstr("no evidence")) << strike.kind->name;
    }
    const Check& proved = walked->check("proved");
    EXPECT_EQ(proved.verdict.kind(), Verdict::Kind::unknown);
    const std::string all = joined(proved.verdict.evidence());
    for (const std::string& kind : kinds) EXPECT_THAT(all, HasSubstr("(" + kind + ","));
    const Verdict verdict = overall(walked->checks);
    EXPECT_EQ(verdict.kind(), Verdict::Kind::unknown) << joined(verdict.evidence());
  }
}

// What is wrong with a run of this kind whose undo() does nothing; empty: nothing.
std::string walk_without_undo(const std::string& kind, bool of_template) {
  Registry registry = all_faults();
  std::atomic<bool> broken{true};
  for (FaultKind& each : registry.kinds()) {
    each.undo = [undo = each.undo, &broken](
                    const json& record, std::shared_ptr<void>& resource) -> Attempt<std::string> {
      return broken ? Attempt<std::string>{} : undo(record, resource);
    };
  }
  RunOptions options;
  options.before_rollback = [&broken] { broken = false; };  // this machine is to live on
  const auto walked = run(registry, {kind}, of_template ? forked_pool : relayed_pool,
                          "at_ms = 20\nduration_ms = 1\nproof_max_ms = 3000\n", options);
  if (!walked) return kind + ": did not run\n";
  const Check& undone = walked->check("undone");
  const std::string evidence = joined(undone.verdict.evidence());
  std::string wrong;
  if (undone.verdict.kind() != Verdict::Kind::unknown ||
      evidence.find("not undone: strike 1 (" + kind + ",") == evidence.npos) {
    wrong += fmt::format("{}: not said to be not undone: {}\n", kind, evidence);
  }
  if (overall(walked->checks).passed()) wrong += kind + ": passed\n";
  return wrong;
}

// A process with a share of the kinds: each run waits most of its time, so several go side by side.
struct Share {
  pid_t child = 0;
  pool::process::FileDescriptor says;

  explicit Share(const std::vector<std::pair<std::string, bool>>& kinds) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    says.reset(ends[0]);
    std::fflush(nullptr);
    child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      std::string wrong;
      for (const auto& [kind, of_template] : kinds) wrong += walk_without_undo(kind, of_template);
      wrong += "through";
      _exit(write(ends[1], wrong.data(), wrong.size()) == static_cast<ssize_t>(wrong.size()) ? 0
                                                                                             : 1);
    }
    close(ends[1]);
  }
  [[nodiscard]] std::string end() {
    std::string text;
    char part[4096];
    for (ssize_t got = 0; (got = read(says.get(), part, sizeof part)) > 0;) {
      text.append(part, static_cast<std::size_t>(got));
    }
    waitpid(child, nullptr, 0);
    return text;
  }
};

TEST(Registry, a_fault_whose_undo_does_nothing_is_not_undone) {
  cites(49);
  constexpr std::size_t shares = 4;
  const Registry registry = all_faults();
  std::vector<std::vector<std::pair<std::string, bool>>> kinds(shares);
  std::size_t count = 0;
  for (const bool of_template : {false, true}) {
    for (const std::string& kind : kinds_for(registry, of_template)) {
      if (registry.find(kind)->undoes) kinds[count++ % shares].emplace_back(kind, of_template);
    }
  }
  std::vector<std::unique_ptr<Share>> walking;
  for (const auto& share : kinds) walking.push_back(std::make_unique<Share>(share));
  for (const auto& share : walking) EXPECT_EQ(share->end(), "through");
}

}  // namespace
}  // namespace ordeal::chaos

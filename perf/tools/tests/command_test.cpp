// ordeal-perf as people run it: data in, verdicts and exit codes out.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "perf/baseline/program.hpp"
#include "perf/measurement/json_reader.hpp"
#include "perf/tools/commands.hpp"
#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

using testing::HasSubstr;

const std::string fake = "python3 -I -S " ORDEAL_FAKE_SAMPLER;

class Command : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  ProgramOutput run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), ORDEAL_PERF);
    auto output = run_program({.command = std::move(arguments),
                               .environment = {{"ORDEAL_PERF_STORE", folder_ + "/store"}}});
    EXPECT_TRUE(output) << output.error().text();
    return output ? *output : ProgramOutput{};
  }

  ProgramOutput judge_of(const std::string& old_values, const std::string& new_values,
                         const std::string& more = "") {
    const std::string path = folder_ + "/data.json";
    EXPECT_TRUE(write_text_file(path, R"({"schema": "ordeal-perf-pairs/1", "old": )" + old_values +
                                          R"(, "new": )" + new_values + more + "}"));
    return run({"judge", "--strict", path});
  }

  std::string folder_ = testing::TempDir() + "/perf-command-" + std::to_string(getpid());
};

constexpr const char* about_100 = "[100, 101, 99, 100.5, 99.5, 100.2, 99.8, 100.1, 100.3, 99.7]";
constexpr const char* about_120 =
    "[121, 120, 119, 119.5, 120.5, 120.2, 119.8, 120.1, 120.3, 119.7]";

TEST_F(Command, JudgeEndsAsItsVerdictSays) {
  cites(55);
  EXPECT_EQ(judge_of(about_100, about_100).exit_code, exit_ok);
  const auto slow = judge_of(about_100, about_120);
  EXPECT_EQ(slow.exit_code, exit_regression);
  EXPECT_THAT(slow.out, HasSubstr("regression   foreign/data data"));
  EXPECT_EQ(judge_of(about_120, about_100).exit_code, exit_ok) << "an improvement";
  EXPECT_EQ(judge_of("[1, 2, 3]", "[2, 3, 4]").exit_code, exit_inconclusive);
  EXPECT_EQ(
      judge_of("[1, 1]", "[1, 1]", R"(, "control": {"old": [1, 1], "new": [2, 2]})").exit_code,
      exit_unstable);
}

TEST_F(Command, JudgeCanUseTheRuleOfDspex) {
  const std::string file = folder_ + "/p95.json";
  std::ofstream{file} << R"({"schema": "ordeal-perf-pairs/1", "name": "p95", "kind": "percentile",
    "old": [100, 100], "new": [119, 119]})";
  EXPECT_EQ(run({"judge", "--rule", "dspex", file}).exit_code, exit_ok) << "20 % are allowed";
  std::ofstream{file} << R"({"schema": "ordeal-perf-pairs/1", "name": "p95", "kind": "percentile",
    "old": [100, 100], "new": [121, 121]})";
  const auto slow = run({"judge", "--rule", "dspex", file});
  EXPECT_EQ(slow.exit_code, exit_regression);
  EXPECT_THAT(slow.out, HasSubstr("beyond DSPex's fixed limit"));
  EXPECT_EQ(run({"judge", "--rule", "20/20/10", file}).exit_code, exit_usage);
}

TEST_F(Command, JudgeRefusesWhatIsNoDataAndNamesIt) {
  for (const auto& [values, says] : std::vector<std::pair<std::string, std::string>>{
           {"[1, NaN]", "NaN and Infinity are no JSON"},
           {"[1, 0]", "old[1]: is 0; a wall must be > 0"},
           {"[1]", "a pair needs one of each"}}) {
    const auto refused = judge_of(values, "[1, 2]");
    EXPECT_EQ(refused.exit_code, exit_usage);
    EXPECT_THAT(refused.error_text, HasSubstr("data.json"));
    EXPECT_THAT(refused.error_text, HasSubstr(says));
  }
  EXPECT_EQ(run({"judge", folder_ + "/none.json"}).exit_code, exit_usage);
}

TEST_F(Command, CompareRunsAnybodysSamplersAndTheirPairsCanBeJudgedAgain) {
  cites(55);
  const std::string pairs = folder_ + "/pairs.json";
  const auto slow = run({"compare", "--old", fake, "--new", fake + " --slower 0.2", "--pairs", "5",
                         "--case", "fake/b", "--pairs-file", pairs, "--quiet", "--seed", "5"});
  EXPECT_EQ(slow.exit_code, exit_regression) << slow.error_text;
  EXPECT_THAT(slow.out, HasSubstr("regression   fake/b cpu"));
  EXPECT_THAT(slow.error_text, HasSubstr("again with --seed 5"));
  EXPECT_EQ(run({"judge", pairs}).exit_code, exit_regression);
  const auto crash = run({"compare", "--old", fake, "--new", fake + " --fail crash", "--quiet"});
  EXPECT_EQ(crash.exit_code, exit_could_not_run);
  EXPECT_THAT(crash.error_text, HasSubstr("died of signal 11"));
  const auto unknown = run({"compare", "--old", fake, "--new", fake, "--suite", "none"});
  EXPECT_EQ(unknown.exit_code, exit_usage);
  EXPECT_THAT(unknown.error_text, HasSubstr("none: is no case; there are fake/a, fake/b"));
}

TEST_F(Command, CompareWithoutABaselineSaysSoAndIsNoPass) {
  cites(55);
  std::filesystem::create_directories(folder_ + "/baselines");
  const auto none =
      run({"compare", "--suite", "core", "--quick", "--baselines", folder_ + "/baselines"});
  EXPECT_EQ(none.exit_code, exit_no_baseline);
  EXPECT_THAT(none.error_text, HasSubstr("has no baseline of suite core for this host"));
}

TEST_F(Command, CalibrateTellsAlarmsAndPowerAndItsFileCanBeReadAgain) {
  const std::string out = folder_ + "/calibration.json";
  const auto told =
      run({"calibrate", "--plain", fake, "--slow", fake, "--case", "fake/a", "--slowdowns", "20",
           "--pairs", "10", "--stage-pairs", "5", "--comparisons", "40", "--quiet", "--out", out});
  EXPECT_EQ(told.exit_code, exit_ok) << told.error_text;
  EXPECT_THAT(told.out, testing::ContainsRegex("fake/a cpu +none .* 0\\.0 %"));
  EXPECT_THAT(told.out, testing::ContainsRegex("fake/a cpu +20 % +1\\.[12].* 100\\.0 %"));
  const auto again = run({"calibrate", "--stage-pairs", "5", "--comparisons", "40", out});
  EXPECT_EQ(again.out, told.out);
}

// What keeps a machine busy for a calibration must not stay when that is killed.
TEST_F(Command, WhatRunsBesideItEndsWithItHoweverItEnds) {
  const std::string never = folder_ + "/never-written";
  const std::string says = folder_ + "/says";  // ends when nobody is left who could say anything
  ASSERT_EQ(::mkfifo(never.c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(says.c_str(), 0600), 0);
  const pool::process::FileDescriptor said{::open(says.c_str(), O_RDONLY | O_NONBLOCK)};
  const pid_t host = ::fork();
  if (host == 0) {
    const auto beside = BackgroundProgram::start(
        {"sh", "-c", "exec >" + says + "; echo started; read line <" + never});
    ::pause();
    ::_exit(1);
  }
  std::array<pollfd, 1> watched{{{said.get(), POLLIN, 0}}};
  const auto hang_guard = pool::runtime::now() + std::chrono::seconds{20};
  ASSERT_EQ(pool::runtime::poll_until(watched, hang_guard), 1) << "it does not run";
  std::array<char, 64> text{};
  EXPECT_EQ(::read(said.get(), text.data(), text.size()), 8);

  ::kill(host, SIGKILL);
  ASSERT_EQ(::waitpid(host, nullptr, 0), host);

  ASSERT_EQ(pool::runtime::poll_until(watched, hang_guard), 1) << "it lives on";
  EXPECT_EQ(::read(said.get(), text.data(), text.size()), 0);
}

}  // namespace
}  // namespace ordeal::perf

// The reporter's words: rules by name, alerts as JSON and log lines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <nlohmann/json.hpp>

#include "ordeal/pool/reporter.hpp"

namespace ordeal::pool {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point noon{std::chrono::microseconds{
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}.time_since_epoch() + 12h + 42us}};

Alert circuit_alert(const std::string& name) {
  return {.kind = AlertKind::circuit_opened,
          .at = std::chrono::steady_clock::time_point{7ns},
          .requests = 20,
          .errors = 5,
          .circuits = 1,
          .circuit = name,
          .message = "circuit opened"};
}

std::string refusal(const Result<void>& result) {
  return result ? "accepted" : result.error().message;
}

TEST(AlertRules, AreSetByName) {
  AlertRules rules;
  for (const char* setting : {"warn_permille", "critical_permille", "requests_min", "window_ms",
                              "circuits_open_max", "cooldown_ms", "history_max"}) {
    EXPECT_EQ(refusal(rules.set(setting, "77")), "accepted") << setting;
  }
  EXPECT_EQ(rules.warn_permille, 77U);
  EXPECT_EQ(rules.critical_permille, 77U);
  EXPECT_EQ(rules.requests_min, 77U);
  EXPECT_EQ(rules.window, 77ms);
  EXPECT_EQ(rules.circuits_open_max, 77U);
  EXPECT_EQ(rules.cooldown, 77ms);
  EXPECT_EQ(rules.history_max, 77U);
  EXPECT_EQ(refusal(rules.validate()), "accepted");
}

TEST(AlertRules, WrongOnesAreRefusedWithWhatIsAllowed) {
  AlertRules rules;
  EXPECT_EQ(refusal(rules.validate()), "accepted") << "the defaults";
  EXPECT_EQ(refusal(rules.set("window_ms", "0")),
            "alert rule window_ms: 0 is out of range, allowed 1 to 86400000");
  EXPECT_EQ(refusal(rules.set("window_ms", "1s")),
            "alert rule window_ms: 1s is no number, allowed 1 to 86400000");
  EXPECT_EQ(refusal(rules.set("windows", "1")),
            "alert rule windows: there is none, only warn_permille, critical_permille, "
            "requests_min, window_ms, circuits_open_max, cooldown_ms, history_max");
  EXPECT_EQ(rules.window, 60s) << "as it was";
  rules.cooldown = -1ms;
  EXPECT_EQ(refusal(rules.validate()),
            "alert rule cooldown_ms: -1 is out of range, allowed 0 to 86400000");
  rules = {.warn_permille = 101};
  EXPECT_EQ(refusal(rules.validate()),
            "alert rule critical_permille: 100 is less than warn_permille, 101");
}

TEST(AlertLine, IsOneJsonObjectWithAllFigures) {
  EXPECT_EQ(to_json_line(circuit_alert("pre\"dict\n"), noon),
            R"({"time":"2026-11-23T12:00:00.000042Z","at_ns":7,"alert":"circuit_opened",)"
            R"("level":"warning","circuit":"pre\"dict\n","requests":20,"errors":5,"circuits":1,)"
            R"("message":"circuit opened"})");
}

TEST(AlertLevel, IsCriticalWhenTheWholePoolSuffers) {
  EXPECT_EQ(level_of(circuit_alert("predict")), "warning");
  EXPECT_EQ(level_of(circuit_alert("start")), "critical");
  EXPECT_EQ(level_of({.kind = AlertKind::error_rate_warning}), "warning");
  EXPECT_EQ(level_of({.kind = AlertKind::error_rate_critical}), "critical");
  EXPECT_EQ(level_of({.kind = AlertKind::circuits_open}), "critical");
  EXPECT_EQ(level_of({.kind = AlertKind::circuits_open, .recovered = true}), "recovered");
  EXPECT_EQ(level_of({.kind = AlertKind::test}), "test");
}

TEST(AlertLog, HasTheAlertsLevel) {
  std::ostringstream out;
  auto logger = std::make_shared<spdlog::logger>(
      "pool", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger->set_pattern("%l %v");
  const AlertDestination log = alert_log(logger);
  Alert alert = circuit_alert("predict {}");
  log.deliver(alert);
  alert.recovered = true;
  log.deliver(alert);
  log.deliver(circuit_alert("start"));
  EXPECT_EQ(out.str(),
            "warning circuit_opened warning: circuit opened\n"
            "info circuit_opened recovered: circuit opened\n"
            "critical circuit_opened critical: circuit opened\n");
}

TEST(AlertLines, GoToAFileOfItsOwnersAlone) {
  std::string folder = (std::filesystem::temp_directory_path() / "ordeal-alerts-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/alerts";
  {
    const mode_t before = ::umask(0);
    const auto lines = alert_lines(path);
    ::umask(before);
    ASSERT_TRUE(lines) << lines.error().message;
    lines->deliver(circuit_alert("a"));
    lines->deliver(circuit_alert("b"));
  }
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  std::ifstream file{path};
  std::string line;
  for (const char* name : {"a", "b"}) {
    ASSERT_TRUE(std::getline(file, line));
    EXPECT_EQ(nlohmann::json::parse(line)["circuit"], name);
  }
  EXPECT_FALSE(std::getline(file, line));
  std::filesystem::remove_all(folder);
  const auto refused = alert_lines(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "alerts file " + path + ": No such file or directory");
}

}  // namespace
}  // namespace ordeal::pool

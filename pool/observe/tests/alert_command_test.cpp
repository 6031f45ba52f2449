// Alerts to a program: what it gets, how long it may take, and what is left of it: nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ordeal/pool/breaker.hpp"
#include "ordeal/pool/reporter.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

// A folder for what commands write, and the reporter that runs them.
class AlertCommand : public ::testing::Test {
 protected:
  AlertCommand() {
    std::string folder = "/tmp/ordeal-alert-XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  ~AlertCommand() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream{path(name)}.rdbuf();
    return text.str();
  }
  // Sends one test alert to it, and waits until it is dealt with.
  Reporter::DestinationStats send(std::vector<std::string> command,
                                  milliseconds time_max = patience) {
    auto destination = alert_command(std::move(command), time_max);
    EXPECT_TRUE(destination) << destination.error().message;
    auto reporter = Reporter::start({}, {std::move(*destination)});
    EXPECT_TRUE(reporter);
    reporter->send_test_alert();
    reporter->close(patience);
    return reporter->stats().destinations.at(0);
  }
  Reporter::DestinationStats send(const std::string& script, milliseconds time_max = patience) {
    return send(std::vector<std::string>{"/bin/sh", "-c", script}, time_max);
  }

 private:
  std::string folder_;
};

TEST_F(AlertCommand, GetsTheAlertAsOneLineOfJsonAndNothingElse) {
  cites(48);
  setenv("ORDEAL_TEST_SECRET", "swordfish", 1);
  constexpr int descriptor =
      200;  // of the host, open for whoever is started; the shell has its own
  ASSERT_EQ(dup2(STDERR_FILENO, descriptor), descriptor);
  const auto stats =
      send("cat > " + path("told") + "; env > " + path("env") + "; ls /proc/$$/fd > " + path("fd"));
  unsetenv("ORDEAL_TEST_SECRET");
  close(descriptor);
  EXPECT_EQ(stats, (Reporter::DestinationStats{"command /bin/sh", 1, 0, 0, ""}));
  const Json told = Json::parse(content("told"));
  EXPECT_EQ(told.at("alert"), "test");
  EXPECT_EQ(told.at("message"), "a test: nothing is wrong");
  const std::string text = content("told");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(content("env"), HasSubstr("PATH="));
  EXPECT_EQ(content("env").find("swordfish"), std::string::npos);
  EXPECT_THAT(content("fd"), HasSubstr("2\n"));
  EXPECT_EQ(content("fd").find("200\n"), std::string::npos) << content("fd");
}

TEST_F(AlertCommand, HasFailedUnlessItEndsWithZero) {
  EXPECT_EQ(send("echo first >&2; echo out; echo no pager >&2; exit 7").last_failure,
            "it ended with 7: first\nno pager\n");
  EXPECT_EQ(send("kill -9 $$").last_failure, "signal 9 ended it");
  const auto missing = send(std::vector<std::string>{"/no/such/pager"});
  EXPECT_EQ(missing.failed, 1U);
  EXPECT_THAT(missing.last_failure, HasSubstr("/no/such/pager"));
  EXPECT_THAT(missing.last_failure, HasSubstr("No such file or directory"));
}

TEST_F(AlertCommand, IsKilledAfterItsTimeWithAllItStarted) {
  cites(48);
  trial::declare_wait(100ms, "ordeal-alerts");
  // The leak check sees both of them if one lives.
  const auto stats = send("sh -c 'trap \"\" TERM; cat /dev/zero > /dev/null' & wait", 100ms);
  EXPECT_EQ(stats.failed, 1U);
  EXPECT_EQ(stats.last_failure, "it had not ended after 100 ms, and was killed");
}

TEST_F(AlertCommand, MayReadNothingAndWriteMuch) {
  EXPECT_EQ(
      send("exec < /dev/null; head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2").delivered,
      1U);
  EXPECT_EQ(send("true").delivered, 1U);
}

TEST_F(AlertCommand, IsReapedWhereTheHostIgnoresItsChildren) {
  cites(48);
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(sigaction(SIGCHLD, &ignore, &before), 0);
  const auto stats = send("cat > " + path("told"));
  ASSERT_EQ(sigaction(SIGCHLD, &before, nullptr), 0);
  EXPECT_EQ(stats.delivered + stats.failed, 1U);
  EXPECT_THAT(content("told"), HasSubstr("nothing is wrong"));
}

TEST_F(AlertCommand, HearsThatAPoolsCircuitHasOpened) {
  cites(48);
  auto destination =
      alert_command({"/bin/sh", "-c", "cat >> " + path("told") + "; sh -c 'exec cat /dev/zero'"},
                    200ms);  // slow, and noisy: of no concern to the pool
  ASSERT_TRUE(destination);
  auto reporter = Reporter::start({}, {std::move(*destination)});
  ASSERT_TRUE(reporter);
  Options options = mock_options(1);
  options.breaker.enabled = true;
  options.breaker.failures = 2;
  auto pool = Pool::start(recorded(options), {reporter->sink()});
  ASSERT_TRUE(pool) << pool.error().message;
  for (int i = 0; i < 2; ++i) (void)pool->call("error", Json::object());
  EXPECT_EQ(code_of(pool->call("error", Json::object())), ErrorCode::circuit_open);
  EXPECT_TRUE(echoes(*pool)) << "another circuit";
  ASSERT_TRUE(pool->stop(patience));
  reporter->close(patience);
  const Json told = Json::parse(content("told"));
  EXPECT_EQ(told.at("alert"), "circuit_opened");
  EXPECT_EQ(told.at("circuit"), "breaker error");
}

TEST_F(AlertCommand, IsRefusedIfItCannotBe) {
  EXPECT_EQ(alert_command({}).error().message, "alert command: it is empty; name a program");
  EXPECT_EQ(alert_command({"x"}, 0ms).error().message,
            "alert command: a time limit of 0 ms is out of range, allowed 1 to 3600000");
}

}  // namespace
}  // namespace ordeal::pool

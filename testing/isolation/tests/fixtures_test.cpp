// The fixtures, used as their users use them; and what they say when a test misbehaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "pool/runtime/clock.hpp"
#include "testing/cites/cites.hpp"
#include "testing/isolation/isolation.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// Each of the pair expects to be the first: whichever runs first, with --gtest_shuffle.
class Named : public BasicIsolation {};
TEST_F(Named, HasAFolderToItself) { EXPECT_TRUE(std::filesystem::is_empty(names().folder())); }
TEST_F(Named, HasItAlsoAfterAnother) { EXPECT_TRUE(std::filesystem::is_empty(names().folder())); }

class Registered : public RegistryIsolation {};
TEST_F(Registered, BeginsWithAnEmptyRegistry) {
  EXPECT_TRUE(Registry::current().names().empty());
  ASSERT_TRUE(Registry::current().enter("x", std::make_shared<int>(1)));
}
TEST_F(Registered, BeginsSoAlsoAfterAnother) {
  EXPECT_TRUE(Registry::current().names().empty());
  ASSERT_TRUE(Registry::current().enter("x", std::make_shared<int>(2)));
}

class Signalled : public SignalRouting {};
TEST_F(Signalled, GetsItsSignal) {
  signals().route(SIGUSR2);
  ASSERT_EQ(::kill(::getpid(), SIGUSR2), 0);
  EXPECT_TRUE(signals().wait(SIGUSR2, 5s));
}
TEST_F(Signalled, GetsNoneThatWasForAnother) {
  signals().route(SIGUSR2);
  EXPECT_EQ(signals().take(SIGUSR2), 0U);
}

class Alone : public FullIsolation {};
int touched = 0;
TEST_APART(Alone, SeesOnlyItsOwnDoing) {
  EXPECT_EQ(++touched, 1);
  EXPECT_EQ(std::filesystem::current_path(), std::filesystem::temp_directory_path());
}
TEST_APART(Alone, SeesItAlsoAfterAnother) { EXPECT_EQ(++touched, 1); }

std::string how_it_ends(const std::function<bool()>& body) {
  const OwnProcessEnd end = run_in_own_process(body, 10s);
  EXPECT_FALSE(end.passed);
  return end.how;
}

TEST(FullIsolationNegative, ABodyThatFailsCrashesThrowsOrHangsFailsItsTest) {
  EXPECT_EQ(how_it_ends([] { return false; }), "it failed (exit code 1)");
  EXPECT_EQ(how_it_ends([]() -> bool {
              ::raise(SIGKILL);
              return true;
            }),
            "it ended by signal 9 (Killed)");
  EXPECT_EQ(how_it_ends([]() -> bool { throw std::runtime_error("on purpose"); }),
            "it failed (exit code 1)");
  const OwnProcessEnd hangs = run_in_own_process(
      [] {
        pool::runtime::WakeWord nobody;
        nobody.wait_until(pool::core::never, nobody.ticket());
        return true;
      },
      50ms);
  EXPECT_EQ(hangs.how, "it did not end in time");
}

TEST(FullIsolationNegative, WhatTheBodyLeavesIsGoneWithIt) {
  EXPECT_TRUE(run_in_own_process(
                  [] {
                    if (::fork() > 0) return true;
                    while (true) ::pause();
                  },
                  10s)
                  .passed);
  // That no child is left is said by the leak check of this test.
}

// --- contamination_detection: each planted thing fails its own test, by name.

const std::string& said_by_the_example() {
  static const std::string said = [] {
    std::string text;
    FILE* run = ::popen("ORDEAL_LEAK_PATIENCE_MS=50 " CONTAMINATING_EXAMPLE " 2>&1", "r");
    char chunk[4096];
    for (std::size_t count = 1; run != nullptr && count > 0;) {
      count = std::fread(chunk, 1, sizeof chunk, run);
      text.append(chunk, count);
    }
    if (run != nullptr) ::pclose(run);
    return text;
  }();
  return said;
}

// What is said between the test's RUN and its end.
std::string said_of(const std::string& test) {
  const std::string& all = said_by_the_example();
  const std::size_t from = all.find("[ RUN      ] Contaminating." + test + "\n");
  const std::size_t to = all.find("Contaminating." + test + " (", from);
  return from == std::string::npos || to == std::string::npos ? "" : all.substr(from, to - from);
}

struct Planted {
  const char* test;
  const char* words;
};
class Contamination : public ::testing::TestWithParam<Planted> {};

TEST_P(Contamination, FailsTheTestThatLeftItAndNamesIt) {
  const std::string said = said_of(GetParam().test);
  EXPECT_THAT(said, HasSubstr("[  FAILED  ]"));
  EXPECT_THAT(said, HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    , Contamination,
    ::testing::Values(Planted{"AThread", "stray-thread is left"},
                      Planted{"ADescriptor", "-> /dev/null is left"},
                      Planted{"AChild", "contaminating_example is left"},
                      Planted{"TheEnvironment", "environment variable ORDEAL_PLANTED is new"},
                      Planted{"TheEnvironment", "environment variable ORDEAL_PRESENT is gone"},
                      Planted{"TheDirectory", "the working directory is / now"},
                      Planted{"TheUmask", "the umask is 777 now"},
                      Planted{"ASignalHandler", "the handler of SIGUSR2"},
                      Planted{"ASignalHandler", "SIGHUP is blocked"}));

TEST(ContaminationPositive, ATestThatLeavesNothingPassesBehindThoseThatDo) {
  EXPECT_THAT(said_of("NothingAtAll"), HasSubstr("[       OK ]")) << said_by_the_example();
}

TEST(ContaminationPositive, ValuesAreNotToldTheyMayBeSecrets) {
  EXPECT_THAT(said_by_the_example(), Not(HasSubstr("a-secret")));
}

}  // namespace
}  // namespace ordeal::trial

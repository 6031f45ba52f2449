// For each mode: two tests, played one after the other, that collide without it and not with it.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "pool/runtime/tests/support.hpp"
#include "testing/isolation/isolation.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// --- basic: both want a file "store" that is not there yet.

bool makes_its_store(const std::string& folder) {
  if (fs::exists(folder + "/store")) return false;
  return static_cast<bool>(std::ofstream{folder + "/store"} << "mine");
}

TEST(Collision, BasicTwoTestsWithOneFileName) {
  OwnNames shared;
  EXPECT_TRUE(makes_its_store(shared.folder()));
  EXPECT_FALSE(makes_its_store(shared.folder())) << "without it the second finds the first's file";
  for (int test = 0; test < 2; ++test) {
    OwnNames own;
    EXPECT_TRUE(makes_its_store(own.folder()));
  }
}

TEST(Collision, BasicNamesAreNobodyElsesEvenAtTheSameTime) {
  OwnNames one;
  OwnNames two;
  EXPECT_NE(one.name("pool"), two.name("pool"));
  EXPECT_NE(one.folder(), two.folder());
}

TEST(Collision, BasicLeavesNoFolderBehind) {
  std::string folder;
  {
    OwnNames own;
    folder = own.folder();
    EXPECT_TRUE(makes_its_store(folder));
  }
  EXPECT_FALSE(fs::exists(folder));
}

// --- registry: both enter a "pool".

bool enters_its_pool(int number) {
  return Registry::current().enter("pool", std::make_shared<int>(number)) &&
         *Registry::current().find<int>("pool") == number;
}

TEST(Collision, RegistryTwoTestsWithOneName) {
  const OwnRegistry of_this_test;
  EXPECT_TRUE(enters_its_pool(1));
  EXPECT_FALSE(enters_its_pool(2)) << "without it the name is taken";
  for (int test = 3; test < 5; ++test) {
    const OwnRegistry own;
    EXPECT_TRUE(enters_its_pool(test));
  }
  EXPECT_EQ(*Registry::current().find<int>("pool"), 1) << "and nobody else's is touched";
}

TEST(Collision, RegistryFindsNothingOfAnotherType) {
  const OwnRegistry own;
  ASSERT_TRUE(enters_its_pool(1));
  EXPECT_EQ(Registry::current().find<long>("pool"), nullptr);
}

TEST(Collision, RegistryLetsGoOfTheNewestFirst) {
  std::string order;
  struct Thing {
    Thing(std::string& told, char own_name) : order(told), name(own_name) {}
    ~Thing() { order += name; }
    std::string& order;
    char name;
  };
  {
    const OwnRegistry own;
    ASSERT_TRUE(Registry::current().enter("a", std::make_shared<Thing>(order, 'a')));
    ASSERT_TRUE(Registry::current().enter("b", std::make_shared<Thing>(order, 'b')));
  }
  EXPECT_EQ(order, "ba");
}

// --- signal_routing: the first routes SIGUSR1; the second expects nobody to.

bool nobody_handles_it() { return signal_setup().dispositions[SIGUSR1].sa_handler == SIG_DFL; }

TEST(Collision, SignalsTwoTestsWithOneSignal) {
  const OwnSignals of_this_test;
  EXPECT_TRUE(nobody_handles_it());
  ::signal(SIGUSR1, SIG_IGN);
  EXPECT_FALSE(nobody_handles_it()) << "without it the first's handling stays";
  ::signal(SIGUSR1, SIG_DFL);
  for (int test = 0; test < 2; ++test) {
    OwnSignals own;
    EXPECT_TRUE(nobody_handles_it());
    own.route(SIGUSR1);
    ASSERT_EQ(::raise(SIGUSR1), 0);
    EXPECT_TRUE(own.wait(SIGUSR1, 5s));
    EXPECT_FALSE(own.wait(SIGUSR1, 0ms)) << "each is taken once";
  }
  EXPECT_TRUE(nobody_handles_it());
}

TEST(Collision, SignalsThatWereBlockedComeAndAreBlockedAgainAfterwards) {
  const OwnSignals of_this_test;
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
  const SignalSetup before = signal_setup();
  {
    OwnSignals own;
    own.route(SIGUSR1);
    ASSERT_EQ(::raise(SIGUSR1), 0);
    EXPECT_EQ(own.take(SIGUSR1), 1U);
  }
  EXPECT_TRUE(changes_of(before, signal_setup()).empty());
}

// --- full_isolation: both count from one, in a static, and work in a folder of their own.

bool is_the_first() {
  static int count = 0;
  const bool clean = ++count == 1 && std::getenv("ORDEAL_PLANTED") == nullptr;
  ::setenv("ORDEAL_PLANTED", "1", 1);
  return clean && ::chdir("/") == 0;
}

TEST(Collision, FullIsolationTwoTestsWithOneStatic) {
  for (int test = 0; test < 2; ++test) {
    const OwnProcessEnd end = run_in_own_process(is_the_first, 10s);
    EXPECT_TRUE(end.passed) << end.how;
  }
  // Without it, but so that nothing of it stays here:
  const OwnProcessEnd both =
      run_in_own_process([] { return is_the_first() && !is_the_first(); }, 10s);
  EXPECT_TRUE(both.passed) << "without it the second sees the first's: " << both.how;
  EXPECT_EQ(std::getenv("ORDEAL_PLANTED"), nullptr);
}

// --- contamination_detection: the first leaves a variable, the second wants it unset.

bool finds_it_unset_and_sets_it() {
  return std::getenv("ORDEAL_PLANTED") == nullptr && ::setenv("ORDEAL_PLANTED", "1", 1) == 0;
}

TEST(Collision, ContaminationIsSaidAndTakenBack) {
  EXPECT_TRUE(finds_it_unset_and_sets_it());
  EXPECT_FALSE(finds_it_unset_and_sets_it()) << "without it the second finds the first's";
  ::unsetenv("ORDEAL_PLANTED");
  for (int test = 0; test < 2; ++test) {
    ContaminationWatch watch;
    EXPECT_TRUE(finds_it_unset_and_sets_it());
    EXPECT_EQ(watch.clean_up(0ms),
              std::vector<std::string>{"environment variable ORDEAL_PLANTED is new"});
  }
}

// --- supervision_testing and pool_testing: the first leaves the pool in a state.

bool is_untouched(pool::Pool& pool) {
  return pool.status().warden_restarts == 0 && pool.status().workers_lost == 0;
}

TEST(Collision, SupervisionTwoTestsThatKill) {
  const pool::Options options = pool::mock_options(1);
  SupervisedPool shared{options};
  EXPECT_TRUE(is_untouched(shared.pool()));
  EXPECT_TRUE(shared.kill_warden(pool::patience));
  EXPECT_FALSE(is_untouched(shared.pool())) << "without it the second finds the first's killing";
  SupervisedPool own{options};
  EXPECT_TRUE(is_untouched(own.pool()));
}

TEST(Collision, PoolTwoTestsOfWhichOnePauses) {
  const auto answers_and_pauses = [](pool::Pool& pool) {
    const bool answers =
        pool.call("echo", pool::Json::object(), {.deadline = pool::patience}).has_value();
    return pool.pause().has_value() && answers;
  };
  const auto answers_later = [](pool::Pool& pool) {
    return pool.call("echo", pool::Json::object(), {.deadline = 100ms}).has_value();
  };
  OwnPool shared{pool::mock_options(1)};
  EXPECT_TRUE(answers_and_pauses(shared.pool()));
  EXPECT_FALSE(answers_later(shared.pool())) << "without it the second finds a pool that pauses";
  OwnPool own{pool::mock_options(1)};
  EXPECT_TRUE(own.pool().call("echo", pool::Json::object(), {.deadline = pool::patience}));
}

}  // namespace
}  // namespace ordeal::trial

// A pool under test may do whatever it likes to its process: that is found, named, and ends no run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "pool/runtime/clock.hpp"
#include "testing/contract/apart.hpp"
#include "testing/contract/real_stage.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::trial {
namespace {

using ::testing::HasSubstr;

constexpr milliseconds patience{400};

// Answers every request with ok at once, without a worker, but for what it is told to do.
class Rogue final : public PoolUnderTest {
 public:
  std::function<void()> in_submit = [] {};
  std::function<void()> in_destructor = [] {};

  ~Rogue() override { in_destructor(); }
  std::vector<Capability> capabilities() const override { return {}; }
  std::string start(const Setup&, OnTold) override { return {}; }
  std::uint64_t submit(const TrialRequest&, OnOutcome on_outcome) override {
    in_submit();
    on_outcome({});
    return 0;
  }
  void stop(milliseconds, std::function<void()> stopped) override { stopped(); }
};

MakeWorld world_of(const std::function<void(Rogue&)>& change) {
  return [change] {
    auto rogue = std::make_shared<Rogue>();
    change(*rogue);
    return World{.stage = std::make_shared<RealStage>(), .pool = std::move(rogue)};
  };
}

// Ends only when somebody kills it.
void hang() {
  pool::runtime::WakeWord nobody_changes_this;
  nobody_changes_this.wait_until(pool::core::never, nobody_changes_this.ticket());
}

// A scenario in which no worker need have the request: what a Rogue cannot fail by itself.
const Scenario& scenario() {
  static const Scenario one{
      .family = "rogue",
      .name = "IsAsked",
      .tickets = {{.name = "a", .expect = {.open = {{"runs", "there is no worker"}}}}},
      .steps = {submit("a"), outcome("a")},
      .calm = false,
      .open = {{"hands", "there is no worker"}}};
  return one;
}

Report report_of(const std::function<void(Rogue&)>& change) {
  const std::vector<Case> cases{{&scenario(), world_of(change)},
                                {&scenario(), world_of([](Rogue&) {})}};
  std::vector<Report> reports = run_apart(cases, {.patience = patience, .at_once = 2});
  EXPECT_EQ(reports.at(1).verdict, TrialVerdict::passed) << to_text(reports.at(1));
  return std::move(reports.at(0));
}

void expect_only(const Report& report, FindingKind kind, const std::string& words) {
  EXPECT_EQ(report.verdict, TrialVerdict::failed);
  ASSERT_EQ(report.findings.size(), 1U) << to_text(report);
  EXPECT_EQ(report.findings[0].kind, kind) << to_text(report);
  EXPECT_THAT(report.findings[0].sentence, HasSubstr(words));
}

TEST(Apart, APoolThatAbortsIsACrashNamedBySignalAndStep) {
  expect_only(report_of([](Rogue& pool) { pool.in_submit = [] { std::abort(); }; }),
              FindingKind::crashes, "signal 6 (Aborted): the scenario was to submit a");
}

TEST(Apart, AnExceptionThatReachesTheCallerIsACrash) {
  expect_only(
      report_of([](Rogue& pool) { pool.in_submit = [] { throw std::runtime_error("no"); }; }),
      FindingKind::crashes, "throws \"no\" at its caller: the scenario was to submit a");
}

TEST(Apart, APoolThatExitsIsACrashAlsoWithStatusZero) {
  expect_only(report_of([](Rogue& pool) { pool.in_submit = [] { ::_exit(0); }; }),
              FindingKind::crashes, "exit code 0: the scenario was to submit a");
}

TEST(Apart, AFunctionThatDoesNotReturnIsAHang) {
  expect_only(report_of([](Rogue& pool) { pool.in_submit = hang; }), FindingKind::hangs,
              "does not return: the scenario was to submit a");
}

TEST(Apart, ADestructorThatDoesNotReturnIsAHang) {
  expect_only(report_of([](Rogue& pool) { pool.in_destructor = hang; }), FindingKind::hangs,
              "does not return: the scenario was to destroy the pool");
}

TEST(Apart, AThreadThatIsLeftIsNamed) {
  expect_only(
      report_of([](Rogue& pool) { pool.in_destructor = [] { std::thread{hang}.detach(); }; }),
      FindingKind::leaves_behind, "thread");
}

TEST(Apart, AFileThatIsLeftIsNamedAndRemoved) {
  const Report report = report_of([](Rogue& pool) {
    pool.in_destructor = [] { std::ofstream{std::string{std::getenv("TMPDIR")} + "/forgotten"}; };
  });
  expect_only(report, FindingKind::leaves_behind, "/forgotten");
}

TEST(Apart, AProcessThatIsLeftIsAnOrphanAndIsKilled) {
  const Report report = report_of([](Rogue& pool) {
    pool.in_destructor = [] {
      if (::fork() == 0) {
        hang();
        ::_exit(0);
      }
    };
  });
  expect_only(report, FindingKind::orphan, "lives on after the pool is gone");
}

TEST(Apart, AProcessThatNobodyReapsIsAZombie) {
  const Report report = report_of([](Rogue& pool) {
    pool.in_destructor = [] {
      const int child = ::fork();
      if (child == 0) ::_exit(0);
      siginfo_t ended{};
      ::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
    };
  });
  expect_only(report, FindingKind::zombie, "a zombie");
}

}  // namespace
}  // namespace ordeal::trial

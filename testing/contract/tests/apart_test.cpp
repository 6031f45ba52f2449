// A pool under test may do whatever it likes to its process: that is found, named, and ends no run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <ostream>
#include <stdexcept>
#include <thread>

#include "pool/runtime/clock.hpp"
#include "testing/contract/apart.hpp"
#include "testing/contract/real_stage.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::trial {
namespace {

using ::testing::HasSubstr;

constexpr milliseconds patience{500};

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

struct Row {
  const char* name;
  FindingKind kind;
  const char* words;
  void (*change)(Rogue&);
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

const Row rows[] = {
    {"APoolThatAbortsIsACrashNamedBySignalAndStep", FindingKind::crashes,
     "signal 6 (Aborted): the scenario was to submit a",
     [](Rogue& pool) { pool.in_submit = [] { std::abort(); }; }},
    {"AnExceptionThatReachesTheCallerIsACrash", FindingKind::crashes,
     "throws \"no\" at its caller: the scenario was to submit a",
     [](Rogue& pool) { pool.in_submit = [] { throw std::runtime_error("no"); }; }},
    {"APoolThatExitsIsACrashAlsoWithStatusZero", FindingKind::crashes,
     "exit code 0: the scenario was to submit a",
     [](Rogue& pool) { pool.in_submit = [] { ::_exit(0); }; }},
    {"AFunctionThatDoesNotReturnIsAHang", FindingKind::hangs,
     "does not return: the scenario was to submit a", [](Rogue& pool) { pool.in_submit = hang; }},
    {"ADestructorThatDoesNotReturnIsAHang", FindingKind::hangs,
     "does not return: the scenario was to destroy the pool",
     [](Rogue& pool) { pool.in_destructor = hang; }},
    {"AThreadThatIsLeftIsNamed", FindingKind::leaves_behind, "thread",
     [](Rogue& pool) { pool.in_destructor = [] { std::thread{hang}.detach(); }; }},
    {"AFileThatIsLeftIsNamed", FindingKind::leaves_behind, "/forgotten",
     [](Rogue& pool) {
       pool.in_destructor = [] {
         std::ofstream{std::string{std::getenv("TMPDIR")} + "/forgotten"};
       };
     }},
    {"AProcessThatIsLeftIsAnOrphan", FindingKind::orphan, "lives on after the pool is gone",
     [](Rogue& pool) {
       pool.in_destructor = [] {
         if (::fork() > 0) return;
         hang();
         ::_exit(0);
       };
     }},
    {"AProcessThatNobodyReapsIsAZombie", FindingKind::zombie, "a zombie",
     [](Rogue& pool) {
       pool.in_destructor = [] {
         const int child = ::fork();
         if (child == 0) ::_exit(0);
         siginfo_t ended{};
         ::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
       };
     }},
};

// All at once: those that hang wait most of the time. What they leave is cleaned up, or the leak
// check of the suite says so.
class Apart : public ::testing::TestWithParam<Row> {
 protected:
  static void SetUpTestSuite() {
    std::vector<Case> cases;
    for (const Row& row : rows) cases.push_back({&scenario(), world_of(row.change)});
    cases.push_back({&scenario(), world_of([](Rogue&) {})});
    reports_ = run_apart(
        cases, {.patience = patience, .at_once = static_cast<std::uint32_t>(cases.size())});
  }
  static void TearDownTestSuite() { reports_.clear(); }
  static inline std::vector<Report> reports_;  // in the order of the rows
};

TEST_P(Apart, IsFoundAndNothingElseIs) {
  const Row& row = GetParam();
  const auto has_name = [&](const Row& other) { return std::string_view{other.name} == row.name; };
  const Report& report = reports_.at(static_cast<std::size_t>(
      std::find_if(std::begin(rows), std::end(rows), has_name) - std::begin(rows)));
  EXPECT_EQ(report.verdict, TrialVerdict::failed);
  ASSERT_EQ(report.findings.size(), 1U) << to_text(report);
  EXPECT_EQ(report.findings[0].kind, row.kind) << to_text(report);
  EXPECT_THAT(report.findings[0].sentence, HasSubstr(row.words));
  // It ends its own scenario, and not the run: the last one does nothing wrong.
  EXPECT_EQ(reports_.back().verdict, TrialVerdict::passed) << to_text(reports_.back());
}

INSTANTIATE_TEST_SUITE_P(, Apart, ::testing::ValuesIn(rows),
                         [](const auto& row) { return std::string{row.param.name}; });

}  // namespace
}  // namespace ordeal::trial

// Two versions of real workers beside each other: what is compared, who answers, and who takes
// over. Issue 9, judged point 5.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <mutex>

#include "ordeal/pool/migration.hpp"
#include "ordeal/pool/session.hpp"
#include "pool/runtime/clock.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Options version_options(std::uint32_t size, const std::vector<std::string>& flags = {}) {
  Options options = script_options(size, MIGRATION_TESTS "/versions.py", flags);
  options.environment["PYTHONPATH"] = PYTHON_MOCK;
  return options;
}

MigrationOptions to_version(const std::vector<std::string>& flags) {
  MigrationOptions options;
  options.program.command = version_options(1, flags).command;
  options.size = 1;
  options.share = 1;
  return options;
}

Migration must_start(Pool& pool, MigrationOptions options) {
  auto migration = Migration::start(pool, std::move(options));
  if (!migration) {
    ADD_FAILURE() << migration.error().message;
    std::abort();
  }
  // The new version's pool is the migration's own and not recorded: what its calls wait for until
  // their deadlines is not known here.
  trial::declare_unknown(runtime::now());
  return std::move(*migration);
}

// Asks one after the other, or several at once, and waits for all answers.
class Asker {
 public:
  explicit Asker(Migration& migration) : migration_(migration) {}

  void ask(int count, int at_once = 1, const CallOptions& options = {.idempotent = true}) {
    int left = count;
    while (left > 0) {
      const int now = std::min(left, at_once);
      left -= now;
      std::deque<Signal> answered(static_cast<std::size_t>(now));
      for (Signal& signal : answered) {
        const auto ticket = migration_.call_async("answer", JsonText{R"({"text": "secret"})"},
                                                  options, [&](Result<Reply> reply) {
                                                    (reply ? ok : failed)++;
                                                    signal.set();
                                                  });
        ASSERT_TRUE(ticket) << ticket.error().message;
      }
      for (Signal& signal : answered) ASSERT_TRUE(signal.wait());
    }
  }

  std::atomic<int> ok{0};
  std::atomic<int> failed{0};

 private:
  Migration& migration_;
};

struct Change {
  const char* flag;
  DifferenceKind kind;
  const char* place;
};

class ShadowOf : public ::testing::TestWithParam<Change> {};

TEST_P(ShadowOf, AChangedVersionIsReportedByKindAndPlaceAndNeverAnswers) {
  Pool pool = pool::must_start(version_options(1));
  Migration migration = must_start(pool, to_version({"--change", GetParam().flag}));
  Asker asker(migration);
  asker.ask(10);
  migration.stop();
  const MigrationReport report = migration.report();
  EXPECT_EQ(asker.ok, 10);
  EXPECT_EQ(report.compared, 10U);
  EXPECT_EQ(report.alike, 0U);
  EXPECT_THAT(report.by_kind, ElementsAre(Pair(GetParam().kind, 10U)));
  EXPECT_THAT(report.by_place, ElementsAre(Pair(Pair(GetParam().kind, GetParam().place), 10U)));
  EXPECT_EQ(pool.status().ok, 10U) << "the old version answered them all";
}

INSTANTIATE_TEST_SUITE_P(
    Versions, ShadowOf,
    ::testing::Values(Change{"value", DifferenceKind::value, "/score"},
                      Change{"type", DifferenceKind::type, "/score"},
                      Change{"missing", DifferenceKind::missing_member, "/score"},
                      Change{"new", DifferenceKind::new_member, "/more"},
                      Change{"error", DifferenceKind::outcome, "ok > application_error:Told"}),
    [](const auto& one) { return std::string(one.param.flag); });

TEST(Shadow, TheSameVersionDiffersInNothingAndAShareIsAShare) {
  Pool pool = pool::must_start(version_options(1));
  MigrationOptions options = to_version({});
  options.share = 0.5;
  Migration migration = must_start(pool, std::move(options));
  Asker asker(migration);
  asker.ask(100, 20);
  migration.stop();
  const MigrationReport report = migration.report();
  EXPECT_EQ(asker.ok, 100);
  EXPECT_EQ(report.requests, 100U);
  EXPECT_EQ(report.alike, report.compared);
  EXPECT_THAT(report.by_kind, IsEmpty());
  EXPECT_GT(report.compared, 30U);
  EXPECT_LT(report.compared, 70U);
}

TEST(Shadow, WhatMustNotHappenTwiceIsNotSentTwice) {
  Pool pool = pool::must_start(version_options(1));
  Migration migration = must_start(pool, to_version({"--change", "value"}));
  Asker asker(migration);
  asker.ask(3, 1, {});
  asker.ask(2, 1, {.idempotent = true, .session = "s"});
  migration.stop();
  const MigrationReport report = migration.report();
  EXPECT_EQ(report.kept_for_effects, 3U);
  EXPECT_EQ(report.kept_for_session, 2U);
  EXPECT_EQ(report.compared, 0U);
  EXPECT_EQ(report.new_version.answered, 0U);
}

TEST(Shadow, ANewVersionThatHangsOrDiesHarmsNobody) {
  Pool pool = pool::must_start(version_options(1));
  MigrationOptions options = to_version({"--slow-ms", "60000"});
  Migration migration = must_start(pool, std::move(options));
  Asker asker(migration);
  asker.ask(20, 20, {.deadline = 300ms, .idempotent = true});
  EXPECT_EQ(asker.ok, 20) << "the old version's deadline is its own";
  migration.stop();
  EXPECT_EQ(migration.report().compared + migration.report().not_compared, 20U);
}

TEST(Shadow, AfterStopTheOldVersionGoesOnAlone) {
  Pool pool = pool::must_start(version_options(1));
  Migration migration = must_start(pool, to_version({}));
  migration.stop();
  Asker asker(migration);
  asker.ask(3);
  EXPECT_EQ(asker.ok, 3);
  EXPECT_EQ(migration.report().compared, 0U);
}

RolloutRules short_rollout() {
  return {.shares = {0.2, 1.0}, .stage_requests = 20, .latency_requests = 20};
}

TEST(Rollout, AVersionThatDoesAsWellTakesOverAndNoRequestFails) {
  Pool pool = pool::must_start(version_options(2));
  MigrationOptions options = to_version({"--change", "new"});
  options.rollout = short_rollout();
  options.rollout->latency_ratio_max = 1e6;  // a loaded machine is no slower version
  const auto generation = pool.status().workers.front().generation;
  Migration migration = must_start(pool, std::move(options));
  Asker asker(migration);
  while (migration.report().state != MigrationState::done &&
         migration.report().state != MigrationState::rolled_back) {
    asker.ask(20, 4);
  }
  EXPECT_EQ(migration.report().state, MigrationState::done) << migration.report().reason;
  EXPECT_EQ(asker.failed, 0);
  const auto reply = pool.call("answer", JsonText{"{}"});
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->result_text, HasSubstr("more"))
      << "the pool's own workers run the new version";
  for (const WorkerStatus& worker : pool.status().workers) {
    // Those of the old version may still be on their way out.
    if (worker.state == "terminating" || worker.state == "terminated") continue;
    EXPECT_GT(worker.generation, generation);
  }
  asker.ask(5);
  EXPECT_EQ(asker.failed, 0);
}

TEST(Rollout, AVersionThatFailsIsTakenBackByItselfAndFewRequestsSuffer) {
  Pool pool = pool::must_start(version_options(1));
  MigrationOptions options = to_version({"--fail", "2"});
  options.rollout = short_rollout();
  options.rollout->latency_ratio_max = 1e6;
  Migration migration = must_start(pool, std::move(options));
  Asker asker(migration);
  asker.ask(400, 4);
  const MigrationReport report = migration.report();
  EXPECT_EQ(report.state, MigrationState::rolled_back);
  EXPECT_THAT(report.reason, HasSubstr("failed"));
  EXPECT_LT(asker.failed, 20);
  EXPECT_EQ(static_cast<std::uint64_t>(asker.failed), report.new_version.failed);
  const int before = asker.failed;
  asker.ask(50, 4);
  EXPECT_EQ(asker.failed, before) << "the old version answers everything again";
}

TEST(Rollout, AVersionThatIsSlowerIsTakenBackByItself) {
  Pool pool = pool::must_start(version_options(1));
  MigrationOptions options = to_version({"--slow-ms", "30"});
  options.rollout = short_rollout();
  options.rollout->stage_requests = 1000;
  Migration migration = must_start(pool, std::move(options));
  Asker asker(migration);
  for (int i = 0; i < 100 && migration.report().state == MigrationState::rolling_out; ++i) {
    asker.ask(10);
  }
  EXPECT_EQ(migration.report().state, MigrationState::rolled_back);
  EXPECT_THAT(migration.report().reason, HasSubstr("p90 of the new version"));
  EXPECT_EQ(asker.failed, 0);
}

TEST(Migration, WhatCannotBeIsRefusedWithItsName) {
  Pool pool = pool::must_start(version_options(1));
  const auto refused = [&pool](MigrationOptions options) {
    const auto migration = Migration::start(pool, std::move(options));
    return migration
               ? ""
               : std::string(to_string(migration.error().code)) + ": " + migration.error().message;
  };
  MigrationOptions options = to_version({});
  options.share = 1.5;
  EXPECT_EQ(refused(options), "invalid_option: share 1.5: 0 to 1");
  options = to_version({});
  options.program = {};
  EXPECT_THAT(refused(options), HasSubstr("invalid_option: program:"));
  options = to_version({});
  options.rollout = RolloutRules{.shares = {}};
  EXPECT_THAT(refused(options), HasSubstr("rollout.shares"));
  EXPECT_THAT(refused(to_version({"--no-start"})), HasSubstr("start_exited"));
}

}  // namespace
}  // namespace ordeal::pool

// Drawn scenarios among processes: what the model says, comes of them there too. Each runs in a
// process of its own, so that a pool that crashes or hangs has failed one walk, which is then made
// smaller, and the others go on.
//
//   ORDEAL_WALKS=400   so many (12)
//   ORDEAL_SEED=7      from this seed on (1)
//   ORDEAL_WALK="..."  this one: what a failure prints
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"
#include "testing/contract/apart.hpp"
#include "testing/contract/real_stage.hpp"
#include "testing/contract/reference_pool.hpp"
#include "testing/contract/walk.hpp"
#include "testing/examples/simple_pool/trial_of_simple_pool.hpp"

namespace ordeal::trial {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t at_once = 8;

std::uint64_t number(const char* variable, std::uint64_t standard) {
  const char* given = std::getenv(variable);
  return given == nullptr ? standard : std::stoull(given);
}

World reference_world() {
  const std::string folder = std::filesystem::temp_directory_path().string();
  return {.stage = std::make_shared<RealStage>(folder),
          .pool = make_reference_pool(pool::mock_options(1), folder)};
}

struct Trial {
  MakeWorld make_world;
  WalkSetup setup;
  TrialOptions options{.at_once = at_once};

  [[nodiscard]] std::vector<Report> run(const std::vector<Walk>& walks) const {
    std::vector<Scenario> scenarios;
    for (const Walk& walk : walks) scenarios.push_back(scenario_of(walk, setup));
    std::vector<Case> cases;
    for (const Scenario& scenario : scenarios) cases.push_back({&scenario, make_world});
    return run_apart(cases, options);
  }
};

// What is wrong with the first walk that fails, at its smallest; empty: all hold.
std::string first_failure(const Trial& trial, const std::vector<Walk>& walks) {
  const std::vector<Report> reports = trial.run(walks);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    if (reports[i].verdict == TrialVerdict::passed) continue;
    const auto fails = [&](const Walk& walk) {
      return trial.run({walk}).front().verdict == TrialVerdict::failed;
    };
    const Walk least = shrink_walk(walks[i], fails, 60);
    return fmt::format("{}\nrepro: ORDEAL_WALK=\"{}\" contract_walk_test\n(from {} choices)",
                       to_text(trial.run({least}).front()), to_text(least), walks[i].size());
  }
  return {};
}

std::vector<Walk> drawn(std::uint64_t count, std::size_t length = 40) {
  if (const char* one = std::getenv("ORDEAL_WALK")) return {walk_of(one)};
  const std::uint64_t first = number("ORDEAL_SEED", 1);
  std::vector<Walk> walks;
  for (std::uint64_t i = 0; i < count; ++i) walks.push_back(draw_walk(first + i, length));
  return walks;
}

TEST(ContractWalkOfProcesses, EndsAsTheModelSays) {
  cites(4, 5, 9, 10, 11, 12, 14, 53, 57);
  cites_bug_class(1, 2, 3);
  EXPECT_EQ(first_failure({.make_world = reference_world, .setup = {}},
                          drawn(number("ORDEAL_WALKS", 12))),
            "");
}

// The simple pool, but for its third request, or, if it hangs, its first.
class SpoiledPool : public PoolUnderTest {
 public:
  enum class How : std::uint8_t {
    not_at_all,
    crashes,
    hangs
  };
  SpoiledPool(std::shared_ptr<PoolUnderTest> sound, How how)
      : sound_(std::move(sound)), how_(how) {}

  std::vector<Capability> capabilities() const override { return sound_->capabilities(); }
  std::string start(const Setup& setup, OnTold told) override { return sound_->start(setup, told); }
  std::uint64_t submit(const TrialRequest& request, OnOutcome on_outcome) override {
    // A signal that no sanitizer handles in its own way.
    if (++submitted_ == 3 && how_ == How::crashes) std::raise(SIGKILL);
    while (how_ == How::hangs) ::pause();
    return sound_->submit(request, std::move(on_outcome));
  }
  void stop(milliseconds grace, std::function<void()> stopped) override {
    sound_->stop(grace, std::move(stopped));
  }

 private:
  std::shared_ptr<PoolUnderTest> sound_;
  const How how_;
  int submitted_ = 0;
};

Trial of_spoiled_pool(SpoiledPool::How how, milliseconds patience = milliseconds{10'000}) {
  const auto make = [how] {
    World world = simple_pool::on_trial({})();
    world.pool = std::make_shared<SpoiledPool>(world.pool, how);
    return world;
  };
  return {.make_world = make,
          .setup = {.size = 1, .faults_of_stream = false, .cancels = false},
          .options = {.patience = patience, .at_once = at_once}};
}

// A pool that crashes has failed its walk, which is then made smaller: the run goes on.
TEST(ContractWalkOfAForeignPool, ThatCrashesIsFoundAndMadeSmaller) {
  EXPECT_EQ(first_failure(of_spoiled_pool(SpoiledPool::How::not_at_all), drawn(4, 12)), "");
  const std::string found = first_failure(of_spoiled_pool(SpoiledPool::How::crashes), drawn(2, 12));
  EXPECT_THAT(found, HasSubstr("crashes"));
  EXPECT_THAT(found, HasSubstr("Killed"));
  EXPECT_THAT(found, HasSubstr("was to submit"));
  EXPECT_THAT(found, HasSubstr("repro: ORDEAL_WALK="));
  const std::string walk = found.substr(found.find("WALK=\"") + 6);
  EXPECT_LE(walk_of(walk.substr(0, walk.find('"'))).size(), 3U) << found;
}

// At its first request, so that its patience is not needed for workers that start.
TEST(ContractWalkOfAForeignPool, ThatHangsIsAFailureToo) {
  const Trial trial = of_spoiled_pool(SpoiledPool::How::hangs, milliseconds{300});
  const Report report = trial.run({draw_walk(1, 12)}).front();
  EXPECT_TRUE(report.found(FindingKind::hangs)) << to_text(report);
}

}  // namespace
}  // namespace ordeal::trial

// Many clients at once, in virtual time: the history of their calls is judged as that of any pool
// would be, for order and deadlines, to the nanosecond. What promises what: checkers/timing.hpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "pool/core/random.hpp"
#include "testing/checkers/timing.hpp"
#include "testing/cites/cites.hpp"
#include "testing/contract/simulated_world.hpp"

namespace ordeal::trial {
namespace {

using pool::core::Duration;
using pool::core::Instant;

constexpr std::uint64_t seeds = 60;
constexpr int steps = 120;

class Crowd {
 public:
  explicit Crowd(std::uint64_t seed)
      : random_(seed), workers_(1 + static_cast<std::uint32_t>(seed % 4)) {
    Setup setup;
    setup.size = workers_;
    setup.late_reply_grace = milliseconds{3};
    const std::string failure = world_.pool->start(setup, [](const auto&, const auto&) {});
    EXPECT_EQ(failure, "");
  }

  std::vector<TimedCall> run() {
    for (int i = 0; i < steps; ++i) {
      switch (random_.below(5)) {
        case 0:
        case 1:
          submit();
          break;
        case 2:
        case 3:
          release();
          break;
        default:
          pass(1 + random_.below(4));
      }
      look();
    }
    while (ended_ < calls_.size() && time_ < longest) {
      release();
      pass(1);
    }
    EXPECT_EQ(ended_, calls_.size()) << "calls without an outcome";
    EXPECT_EQ(world_.stage->broken(), "");
    return calls_;
  }

 private:
  static constexpr Duration longest = std::chrono::seconds{10};

  // No two things that happen are at the same instant: that far apart they are in order, and no
  // timer is due in between.
  Instant stamp() { return Instant{time_ + Duration{++ticks_}}; }

  void submit() {
    const std::size_t which = calls_.size();
    const std::string name = "c" + std::to_string(which);
    const milliseconds deadline =
        random_.below(3) == 0 ? milliseconds{1 + random_.below(20)} : milliseconds{5000};
    calls_.push_back({.name = name, .submitted = stamp(), .deadline = Instant{time_ + deadline}});
    by_name_[name] = which;
    world_.pool->submit({.name = name, .command = "play", .arguments = "{}", .deadline = deadline},
                        [this, which](const TrialOutcome& outcome) {
                          calls_[which].ended = stamp();
                          calls_[which].code = outcome.code;
                          ++ended_;
                        });
    calls_[which].accepted = stamp();
  }

  // A worker answers; also one whose caller's time is over.
  void release() {
    if (held_.empty()) return;
    const auto which = held_.begin() + static_cast<long>(random_.below(held_.size()));
    world_.stage->play(*which, act("echo"));
    held_.erase(which);
  }

  void pass(std::uint64_t count) {
    for (; count > 0; --count) {
      time_ += milliseconds{1};
      world_.stage->reach(milliseconds{1});
      look();
    }
  }

  void look() {
    while (const auto news = world_.stage->next(milliseconds{0})) {
      const auto* arrived = std::get_if<news::Arrived>(&*news);
      if (arrived == nullptr) continue;
      held_.push_back(arrived->arrival);
      TimedCall& call = calls_.at(by_name_.at(arrived->ticket));
      call.worker = arrived->worker;
      call.began = stamp();
    }
  }

  World world_ = simulated_world();
  pool::core::Random random_;
  std::uint32_t workers_;
  Duration time_{};
  std::int64_t ticks_ = 0;
  std::vector<TimedCall> calls_;
  std::map<std::string, std::size_t> by_name_;
  std::vector<std::uint64_t> held_;
  std::size_t ended_ = 0;
};

TEST(Crowd, IsServedInOrderAndByItsDeadlinesInVirtualTime) {
  cites(5, 53);
  cites_bug_class(1, 16);
  std::map<std::string, std::size_t> seen;
  for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    const std::vector<TimedCall> calls = Crowd{seed}.run();
    for (const TimedCall& call : calls) ++seen[call.code];
    Verdict verdict = OrderChecker{}.check(calls);
    verdict.add(DeadlineChecker{.slack = std::chrono::microseconds{10}}.check(calls));
    // A seed in which nobody waited, or no time was over, says nothing; together they do.
    if (verdict.kind() == Verdict::Kind::unknown) ++seen["unknown"];
    ASSERT_NE(verdict.kind(), Verdict::Kind::fail)
        << "seed " << seed << ": " << verdict.evidence().front();
  }
  EXPECT_GT(seen["ok"], 0U);
  EXPECT_GT(seen["queue_timeout"], 0U);
  EXPECT_GT(seen["call_timeout"], 0U);
  EXPECT_LT(seen["unknown"], seeds / 2);
}

}  // namespace
}  // namespace ordeal::trial

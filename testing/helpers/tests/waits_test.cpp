// Each wait ends with the thing it waits for, never before, and in vain with a story.
#include "testing/helpers/waits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
using pool::AffinityPolicy;
using pool::must_start;
using pool::Pool;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr milliseconds ample = pool::patience;
constexpr milliseconds in_vain = 50ms;  // for what will not come, whatever the machine does

// A request that stays in its worker's hand until it is cancelled.
class Held {
 public:
  explicit Held(Pool& pool) {
    EventWatch watch{pool};
    auto ticket =
        pool.call_async("wait_cancel", pool::JsonText{R"({"ms":60000})"}, {.deadline = ample},
                        [this](const pool::Result<pool::Reply>&) { ended_.set(); });
    EXPECT_TRUE(ticket.has_value());
    if (ticket) ticket_ = *ticket;
    EXPECT_TRUE(watch.wait_for(is("request_granted"), ample));
  }
  ~Held() { let_go(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  void let_go() {
    ticket_.cancel();
    EXPECT_TRUE(ended_.wait());
  }

 private:
  pool::Ticket ticket_;
  pool::Signal ended_;
};

TEST(WaitFor, FindsAnEventThatComesWhileItWaits) {
  Pool pool = must_start(pool::mock_options(1));
  EventWatch watch{pool};
  pool::Caller caller{pool, "echo", pool::Json::object()};
  EXPECT_TRUE(watch.wait_for(is("request_resolved"), ample));
}

TEST(WaitFor, FindsAnEventThatCameBetweenTheSubscriptionAndTheWait) {
  Pool pool = must_start(pool::mock_options(1));
  EventWatch watch{pool};
  ASSERT_TRUE(pool::echoes(pool));
  EXPECT_TRUE(watch.wait_for(is("request_resolved"), ample));
}

TEST(WaitFor, IsNotOverByWhatHappenedBeforeTheSubscription) {
  Pool pool = must_start(pool::mock_options(1));
  EventWatch before{pool};
  ASSERT_TRUE(pool::echoes(pool));
  ASSERT_TRUE(before.wait_for(is("request_resolved"), ample));
  EXPECT_FALSE(wait_for(pool, is("request_resolved"), in_vain));
}

TEST(WaitFor, CountsEachEventForOneWaitOnly) {
  Pool pool = must_start(pool::mock_options(1));
  EventWatch watch{pool};
  ASSERT_TRUE(pool::echoes(pool));
  ASSERT_TRUE(watch.wait_for(is("request_resolved"), ample));
  EXPECT_FALSE(watch.wait_for(is("request_resolved"), in_vain));
}

TEST(WaitFor, InVainTellsTheLastEventsAndHowThePoolStands) {
  Pool pool = must_start(pool::mock_options(1));
  EventWatch watch{pool};
  ASSERT_TRUE(pool::echoes(pool, {.label = "the one"}));
  const Waited waited = watch.wait_for(is("no_such_event"), in_vain);
  ASSERT_FALSE(waited);
  EXPECT_THAT(
      waited.story,
      AllOf(HasSubstr("waited in vain for the event"), HasSubstr("size 1: 0 starting, 1 idle"),
            HasSubstr("request_resolved request 1 'the one'"), HasSubstr("worker 1 ready")));
}

TEST(WaitReady, WaitsForWorkersNotForTheConfiguredNumber) {
  pool::Options options = pool::mock_options(2, {"--start-hang"});
  options.await_ready = pool::AwaitReady::none;
  Pool pool = must_start(options);
  const Waited waited = wait_ready(pool, in_vain);
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.story, HasSubstr("2 starting, 0 idle"));
}

TEST(WaitReady, IsOverWhenTheLastWorkerIsUp) {
  pool::Options options = pool::mock_options(2);
  options.await_ready = pool::AwaitReady::none;
  Pool pool = must_start(options);
  ASSERT_TRUE(wait_ready(pool, ample));
  EXPECT_EQ(pool.status().idle, 2U);
}

TEST(WaitReady, IsOverAlsoWhenAllAreBusy) {
  Pool pool = must_start(pool::mock_options(1));
  const Held held{pool};
  EXPECT_TRUE(wait_ready(pool, ample));
}

TEST(WaitIdle, IsNotOverWhileARequestRuns) {
  Pool pool = must_start(pool::mock_options(1));
  const Held held{pool};
  const Waited waited = wait_idle(pool, in_vain);
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.story, HasSubstr("1 busy"));
}

TEST(WaitIdle, IsNotOverWhileARequestWaits) {
  pool::Options options = pool::mock_options(1);
  Pool pool = must_start(options);
  ASSERT_TRUE(pool.pause());
  const auto ticket = pool.call_async("echo", pool::JsonText{"{}"}, {.deadline = ample},
                                      [](const pool::Result<pool::Reply>&) {});
  ASSERT_TRUE(ticket);
  EXPECT_FALSE(wait_idle(pool, in_vain));
  ASSERT_TRUE(pool.resume());
  EXPECT_TRUE(wait_idle(pool, ample));
}

TEST(WaitIdle, IsOverOnceTheLateReplyIsDrained) {
  Pool pool = must_start(pool::mock_options(1));
  Held held{pool};
  held.let_go();
  EXPECT_TRUE(wait_idle(pool, ample));
  EXPECT_EQ(pool.status().idle, 1U);
}

TEST(WaitWorkerRestart, IsNotOverWhileTheWorkerLives) {
  Pool pool = must_start(pool::mock_options(2));
  const std::uint64_t worker = pool.status().workers.front().worker;
  EXPECT_FALSE(wait_worker_restart(pool, worker, in_vain));
}

TEST(WaitWorkerRestart, IsOverWhenAnotherServesInTheDeadOnesPlace) {
  Pool pool = must_start(pool::mock_options(2));
  const pool::WorkerStatus worker = pool.status().workers.front();
  ASSERT_EQ(::kill(worker.pid, SIGKILL), 0);
  ASSERT_TRUE(wait_worker_restart(pool, worker.worker, ample));
  const pool::Status status = pool.status();
  EXPECT_EQ(status.idle, 2U);
  for (const pool::WorkerStatus& one : status.workers) EXPECT_NE(one.worker, worker.worker);
}

TEST(WaitWorkerRestart, OfAWorkerThatNeverWasIsInVainAtOnce) {
  Pool pool = must_start(pool::mock_options(1));
  const Waited waited = wait_worker_restart(pool, 99, std::chrono::hours{1});
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.story, HasSubstr("no worker 99 yet"));
}

TEST(WaitAffinity, IsOverWhenTheSessionIsServedByItsOwnWorker) {
  Pool pool = must_start(pool::mock_options(2));
  ASSERT_TRUE(wait_affinity(pool, "s", AffinityPolicy::strict, ample));
  EXPECT_GE(pool.status().affinity.hits, 1U);
}

TEST(WaitAffinity, UnderThePolicyNoneIsInVainAtOnce) {
  Pool pool = must_start(pool::mock_options(1));
  const Waited waited = wait_affinity(pool, "s", AffinityPolicy::none, std::chrono::hours{1});
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.story, HasSubstr("binds nothing"));
}

TEST(PreWarm, EachWorkerHasServed) {
  Pool pool = must_start(pool::mock_options(3));
  ASSERT_TRUE(pre_warm(pool, ample));
  for (const pool::WorkerStatus& worker : pool.status().workers) EXPECT_GE(worker.served, 1U);
}

TEST(PreWarm, IsInVainIfAWorkerCannotBeHad) {
  Pool pool = must_start(pool::mock_options(2));
  const Held held{pool};
  const Waited waited = pre_warm(pool, 10 * in_vain);
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.story, HasSubstr("of 2 workers could be had at once"));
}

}  // namespace
}  // namespace ordeal::trial

// supervision_testing and pool_testing, with real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"
#include "testing/isolation/isolation.hpp"

namespace ordeal::trial {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto patience = pool::patience;

class Supervised : public SupervisionTesting {
 protected:
  pool::Options options() const override { return pool::forked(pool::mock_options(2)); }
};

TEST_F(Supervised, AWorkerIsReplaced) {
  EXPECT_TRUE(supervised().kill_worker(patience));
  EXPECT_EQ(supervised().pool().status().workers_lost, 1U);
}

TEST_F(Supervised, TheTemplateIsReplacedAndNoWorkerIsLost) {
  EXPECT_TRUE(supervised().kill_template(patience));
  const pool::Status status = supervised().pool().status();
  EXPECT_EQ(status.workers_lost, 0U);
  EXPECT_EQ(status.fork_template.deaths, 1U);
}

TEST_F(Supervised, TheWardenIsReplacedAndNoWorkerIsLost) {
  EXPECT_TRUE(supervised().kill_warden(patience));
  EXPECT_EQ(supervised().pool().status().workers_lost, 0U);
}

TEST(Supervision, NothingOutlivesAKilledHostAndItsHousekeeper) {
  cites(2);
  const Waited waited = kill_host(pool::mock_options(2), patience);
  EXPECT_TRUE(waited);
}

// The negatives: a pool that cannot mend is found out.

TEST(Supervision, AWorkerThatCannotBeReplacedIsInVain) {
  OwnNames own;
  const std::string script = own.folder() + "/bridge.py";
  fs::create_symlink(PYTHON_MOCK "/mock_bridge.py", script);
  SupervisedPool pool{
      pool::script_options(1, script, {"--mode", "pool-worker", "--worker-id", "{worker_id}"})};
  fs::remove(script);
  const Waited waited = pool.kill_worker(300ms);
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.story, HasSubstr("to be replaced"));
}

TEST(Supervision, AHostThatDoesNotStartIsInVain) {
  pool::Options options = pool::mock_options(1, {"--start-fail", "always"});
  EXPECT_THAT(kill_host(options, patience).story, HasSubstr("did not start"));
}

class Owned : public PoolTesting {
 protected:
  pool::Options options() const override { return pool::mock_options(2); }
};

TEST_F(Owned, IsWarmAtTheBeginning) {
  for (const pool::WorkerStatus& worker : pool().status().workers) EXPECT_GE(worker.served, 1U);
}

TEST_F(Owned, HearsOfItsEventsFromTheBeginning) {
  ASSERT_TRUE(pool::echoes(pool()));
  EXPECT_TRUE(events().wait_for(is("request_resolved"), patience));
}

TEST(OwnPoolEnd, IsEmptyOfAPoolThatWasLeftInOrder) {
  OwnPool own{pool::mock_options(1)};
  ASSERT_TRUE(pool::echoes(own.pool()));
  EXPECT_THAT(own.end(), IsEmpty());
}

TEST(OwnPoolEnd, NamesARequestThatIsStillOpen) {
  OwnPool own{pool::mock_options(1)};
  pool::Signal over;
  ASSERT_TRUE(own.pool().call_async("wait_cancel", pool::JsonText{R"({"ms":60000})"},
                                    {.deadline = patience},
                                    [&](const pool::Result<pool::Reply>&) { over.set(); }));
  EXPECT_THAT(own.end(), Contains(HasSubstr("requests are still open")));
  EXPECT_TRUE(over.wait());
}

TEST(OwnPoolEnd, NamesASinkThatThrows) {
  OwnPool own{pool::mock_options(1)};
  const pool::Subscription subscription =
      own.pool().subscribe([](const pool::PoolEvent&) { throw std::runtime_error("on purpose"); });
  ASSERT_TRUE(pool::echoes(own.pool()));
  EXPECT_THAT(own.end(), Contains(HasSubstr("sinks threw")));
}

}  // namespace
}  // namespace ordeal::trial

// Calls that wait for a worker, and are begun by whoever frees it for them.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <set>
#include <vector>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

// A pool of one worker, which is busy until `first` is over; then it serves `queued`.
class Queued : public testing::Test {
 protected:
  // The first call and the one behind it, which its own caller does not begin.
  void queue(const char* command, Json arguments, CallOptions options) {
    first_.emplace(pool_, "sleep", Json{{"ms", 50}}, CallOptions{.deadline = patience});
    ASSERT_TRUE(wait_until(pool_, [](const Status& status) { return status.running == 1; }));
    queued_.emplace(pool_, command, std::move(arguments), std::move(options));
    ASSERT_TRUE(wait_until(pool_, [](const Status& status) { return status.queue_depth == 1; }));
    ASSERT_TRUE(first_->join());
    ASSERT_TRUE(wait_until(pool_, [](const Status& status) { return status.queue_depth == 0; }));
  }

  Pool pool_ = must_start(mock_options(1));
  std::optional<Caller> first_;
  std::optional<Caller> queued_;
};

TEST_F(Queued, ACallerGetsItsOwnReply) {
  cites(11);
  queue("echo", Json{{"nonce", "of the queued"}}, {.deadline = patience});
  ASSERT_TRUE(queued_->join()) << describe(queued_->join());
  EXPECT_NE(queued_->join()->result_text.find("of the queued"), std::string::npos);
  expect_whole(pool_);
}

TEST_F(Queued, ACallerWhoGivesUpWhenItsCallHasBegunIsWoken) {
  cites(9, 12);
  cites_bug_class(13);
  std::stop_source source;
  queue("sleep", Json{{"ms", 60'000}}, {.deadline = patience, .stop_token = source.get_token()});
  source.request_stop();
  EXPECT_EQ(code_of(queued_->join()), ErrorCode::cancelled_in_flight) << describe(queued_->join());
  EXPECT_LT(queued_->took(), patience / 2) << "only its deadline has woken it";
  expect_whole(pool_);
}

TEST_F(Queued, ADeadlineIsKeptByACallThatOthersHaveBegun) {
  cites(12);
  const Deadline deadline{steady_clock::now() + milliseconds{250}};
  queue("sleep", Json{{"ms", 60'000}}, {.deadline = deadline});
  EXPECT_EQ(code_of(queued_->join()), ErrorCode::call_timeout) << describe(queued_->join());
  expect_whole(pool_);
}

TEST_F(Queued, ACallerWhoseWorkerDiesIsWokenAndTold) {
  cites_bug_class(3);
  queue("sleep", Json{{"ms", 60'000}}, {.deadline = patience});
  // A request that its worker had not read when it died goes to the next one, which then dies, too.
  for (std::set<int> killed{0};;) {
    bool is_over = false;
    int pid = 0;
    ASSERT_TRUE(wait_until(pool_, [&](const Status& status) {
      is_over = status.running == 0 && status.queue_depth == 0;
      pid = status.running == 1 ? status.workers.at(0).pid : 0;
      return is_over || !killed.contains(pid);
    }));
    if (is_over) break;
    killed.insert(pid);
    kill(pid, SIGKILL);
  }
  EXPECT_EQ(code_of(queued_->join()), ErrorCode::worker_died) << describe(queued_->join());
  expect_whole(pool_);
}

// Not of the fixture: UBSan needs a descriptor to look at an object that has virtual functions.
TEST(Queue, NeedsNoDescriptorsOfItsCallers) {
  Pool pool = must_start(mock_options(1));
  Caller first{pool, "sleep", Json{{"ms", 50}}, {.deadline = patience}};
  ASSERT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  std::vector<process::FileDescriptor> all;
  for (int copy = dup(STDIN_FILENO); copy >= 0; copy = dup(STDIN_FILENO)) all.emplace_back(copy);
  const int why = errno;
  const Result<Reply> queued = pool.call("echo", Json{{"nonce", "mine"}}, {.deadline = patience});
  all.clear();
  EXPECT_EQ(why, EMFILE);
  EXPECT_TRUE(queued) << describe(queued);
  expect_whole(pool);
}

}  // namespace
}  // namespace ordeal::pool

// How a caller sleeps while it waits for a worker and, without waking up in between, for its reply.
//
// A wait that is wrong sleeps until its deadline, which is far off: hang guards, not timing. Where
// nobody may wake the sleeper, its deadline is near, declared, and must have come.
#include "pool/runtime/parker.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"
#include "testing/leaks/process_table.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool {
namespace {

using runtime::Instant;
using runtime::now;
using runtime::Parker;

// A worker's reply pipe, and a caller who may have to wait for it.
class Parked : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    replies_.reset(ends[0]);
    worker_.reset(ends[1]);
    ASSERT_TRUE(parker_.open());
  }
  void worker_answers() { ASSERT_EQ(write(worker_.get(), "reply", 5), 5); }
  static Instant far() { return now() + patience; }
  static Instant near() {
    const Instant at = now() + milliseconds{5};
    trial::declare_deadline(at);
    return at;
  }

  process::FileDescriptor replies_;
  process::FileDescriptor worker_;
  Parker parker_;
};

TEST_F(Parked, WhatIsToldBeforeTheSleepEndsIt) {
  std::uint32_t ticket = parker_.ticket();
  parker_.notify();
  parker_.wait_until_answered(far(), ticket);
  parker_.wait_until(far(), ticket);
  ticket = parker_.ticket();
  parker_.notify_unless_attached();
  parker_.wait_until_answered(far(), ticket);
  parker_.wait_until(far(), ticket);
}

TEST_F(Parked, TheDeadlineEndsIt) {
  const Instant deadline = near();
  parker_.wait_until_answered(deadline, parker_.ticket());
  EXPECT_GE(now(), deadline);
}

TEST_F(Parked, TheReplyEndsASleepThatBeganBeforeAnybodyKnewWhoseItWouldBe) {
  for (int round = 0; round < 100; ++round) {
    const std::uint32_t ticket = parker_.ticket();
    std::jthread granter{[&] {
      EXPECT_TRUE(parker_.attach(replies_.get()));
      worker_answers();
    }};
    parker_.wait_until_answered(far(), ticket);
    std::array<char, 8> space{};
    ASSERT_EQ(read(replies_.get(), space.data(), space.size()), 5) << "waits, if it is not there";
  }
}

// A thread of this process that sleeps has the state S.
bool is_asleep(int thread) {
  const std::string stat = trial::read_proc("/proc/self/task/" + std::to_string(thread) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.substr(name_end + 2, 1) == "S";
}

TEST_F(Parked, OneWhoIsAttachedSleepsOnWhenItsCallIsBegunAndWakesForWhatMustBeSeen) {
  std::atomic<int> sleeper_id{0};
  std::atomic<bool> is_over{false};
  std::jthread sleeper{[&] {
    const std::uint32_t ticket = parker_.ticket();
    sleeper_id = gettid();
    parker_.wait_until_answered(far(), ticket);
    is_over = true;
  }};
  while (sleeper_id == 0 || !is_asleep(sleeper_id)) std::this_thread::yield();
  ASSERT_TRUE(parker_.attach(replies_.get()));
  parker_.notify_unless_attached();
  for (int look = 0; look < 100; ++look) ASSERT_TRUE(is_asleep(sleeper_id));
  EXPECT_FALSE(is_over);
  parker_.notify();
  sleeper.join();
}

TEST_F(Parked, OneWhoIsNotAttachedIsWokenByEachNotice) {
  for (int round = 0; round < 100; ++round) {
    const std::uint32_t ticket = parker_.ticket();
    std::jthread granter{[&] { parker_.notify_unless_attached(); }};
    parker_.wait_until_answered(far(), ticket);
  }
}

TEST_F(Parked, WhatWasAttachedIsNoLongerWhenTheSleepIsOver) {
  cites(11);
  ASSERT_TRUE(parker_.attach(replies_.get()));
  worker_answers();
  parker_.wait_until_answered(far(), parker_.ticket());
  const Instant deadline = near();
  parker_.wait_until_answered(deadline, parker_.ticket());
  EXPECT_GE(now(), deadline) << "the reply is still unread, but no longer this sleeper's business";
  EXPECT_TRUE(parker_.attach(replies_.get())) << "and may be attached again";
  parker_.wait_until_answered(far(), parker_.ticket());
}

TEST(Parker, WithoutDescriptorsAttachesNothingAndIsWokenByAWord) {
  Parker parker;
  EXPECT_FALSE(parker.attach(STDIN_FILENO));
  const std::uint32_t ticket = parker.ticket();
  std::jthread granter{[&] { parker.notify_unless_attached(); }};
  parker.wait_until(now() + patience, ticket);
}

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

// Each time this thread has gone to sleep of its own accord.
long times_slept() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// Twice would be once for the worker and once for the reply.
TEST(Contention, ACallerWhoWaitsForAWorkerSleepsOnceACall) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the pool's lock is held for so long there that callers sleep for it, too";
#endif
  constexpr int calls = 1500;
  Options options = mock_options(1);
  options.spin = SpinMode::off;
  Pool pool = must_start(options);
  std::atomic<long> slept{0};
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([&] {
        const long before = times_slept();
        for (int call = 0; call < calls; ++call) {
          ASSERT_TRUE(pool.call("echo", JsonText{"{}"}, {.deadline = patience}));
        }
        slept += times_slept() - before;
      });
    }
  }
  EXPECT_LT(static_cast<double>(slept) / (3 * calls), 1.5);
}

}  // namespace
}  // namespace ordeal::pool

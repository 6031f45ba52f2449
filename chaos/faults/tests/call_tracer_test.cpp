// System calls of a real child that fail from outside.
#include "chaos/faults/call_tracer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <set>
#include <thread>

#include "chaos/faults/held_process.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::chaos {
namespace {

struct Told {
  unsigned char thread = 255;  // 0: the first
  unsigned char error = 255;
};

// A child whose threads each read their next order from one pipe, and tell in another what came of
// it: an errno, or 0. An order is a byte: 't' begins another thread.
class Child {
 public:
  Child() {
    EXPECT_EQ(pipe2(orders_.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(told_.data(), O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) serve(0);
  }
  ~Child() {
    if (pid_ > 0) kill(pid_, SIGKILL);
    (void)wait_for_end();
    for (const int end : {orders_[0], orders_[1], told_[0], told_[1]}) close(end);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] int pid() const { return pid_; }
  void order(char what) const { EXPECT_EQ(write(orders_[1], &what, 1), 1); }
  // What the next read of it was told.
  [[nodiscard]] Told next() const {
    Told told;
    EXPECT_EQ(read(told_[0], &told, sizeof told), static_cast<ssize_t>(sizeof told));
    return told;
  }
  [[nodiscard]] int told() const { return next().error; }
  // As the parent sees it; a second time there is nothing to be seen.
  siginfo_t wait_for_end() {
    siginfo_t end{};
    if (pid_ == 0) return end;
    EXPECT_EQ(waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED), 0);
    pid_ = 0;
    return end;
  }

 private:
  [[noreturn]] void serve(unsigned char thread) {
    while (true) {
      char order = 0;
      const ssize_t got = read(orders_[0], &order, 1);
      const Told told{thread, static_cast<unsigned char>(got < 0 ? errno : 0)};
      if (order == 't') std::thread{[this, number = ++threads_] { serve(number); }}.detach();
      if (write(told_[1], &told, sizeof told) != static_cast<ssize_t>(sizeof told)) _exit(1);
    }
  }
  std::atomic<unsigned char> threads_{0};
  std::array<int, 2> orders_{};
  std::array<int, 2> told_{};
  pid_t pid_ = 0;
};

std::unique_ptr<CallTracer> fail_reads(const Child& child, const CallFailure& failure) {
  auto tracer = CallTracer::attach(child.pid(), failure);
  EXPECT_TRUE(tracer) << tracer.error();
  return tracer ? std::move(*tracer) : nullptr;
}

class CallTracerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why_not = why_not_traced(); !why_not.empty()) GTEST_SKIP() << why_not;
  }
};

TEST_F(CallTracerTest, as_many_calls_as_asked_for_are_told_the_error_and_the_next_one_is_not) {
  cites(49);
  Child child;
  child.order('.');
  EXPECT_EQ(child.told(), 0);
  // It waits in a read now, or soon: that one is the first.
  const auto tracer =
      fail_reads(child, {.system_calls = {SYS_read}, .error = EIO, .failures_max = 3});
  ASSERT_TRUE(tracer);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(child.told(), EIO);
  child.order('.');
  EXPECT_EQ(child.told(), 0);
  EXPECT_EQ(tracer->told(), 3U);
  EXPECT_EQ(tracer->seen(), 3U);
}

TEST_F(CallTracerTest, each_nth_call_fails_and_other_calls_do_not) {
  Child child;
  const auto tracer = fail_reads(
      child, {.system_calls = {SYS_read}, .error = EINTR, .failures_max = 100, .nth = 3});
  ASSERT_TRUE(tracer);
  // It waits in its first read, and that is seen: an order that came before would end a read of
  // which nobody has seen the beginning.
  while (tracer->seen() < 1) std::this_thread::yield();
  for (int i = 0; i < 2; ++i) child.order('.');
  for (const int expected : {0, 0, EINTR}) EXPECT_EQ(child.told(), expected);
  for (int i = 0; i < 2; ++i) child.order('.');
  for (const int expected : {0, 0, EINTR}) EXPECT_EQ(child.told(), expected);
  EXPECT_EQ(tracer->told(), 2U);
  EXPECT_NE(tracer_of(child.pid()), 0);
  while (!tracer->let_go()) std::this_thread::yield();
  EXPECT_EQ(tracer_of(child.pid()), 0);
  child.order('.');
  EXPECT_EQ(child.told(), 0);
}

TEST_F(CallTracerTest, threads_of_before_and_of_later_fail_too) {
  Child child;
  child.order('t');
  EXPECT_EQ(child.told(), 0);
  const auto tracer = fail_reads(
      child, {.system_calls = {SYS_read}, .error = EIO, .failures_max = 1'000'000, .nth = 2});
  ASSERT_TRUE(tracer);
  child.order('t');
  std::set<int> failed;
  while (failed.size() < 3) {
    child.order('.');
    if (const Told told = child.next(); told.error == EIO) failed.insert(told.thread);
  }
}

TEST_F(CallTracerTest, the_parent_is_told_of_a_traced_child_s_end_and_how_it_ended) {
  Child child;
  const auto tracer =
      fail_reads(child, {.system_calls = {SYS_read}, .error = EIO, .failures_max = 1, .nth = 100});
  ASSERT_TRUE(tracer);
  child.order('t');
  EXPECT_EQ(child.told(), 0);
  kill(child.pid(), SIGKILL);
  const siginfo_t end = child.wait_for_end();
  EXPECT_EQ(end.si_code, CLD_KILLED);
  EXPECT_EQ(end.si_status, SIGKILL);
}

TEST_F(CallTracerTest, who_is_stopped_stays_stopped_when_it_is_let_go) {
  Child child;
  auto tracer =
      fail_reads(child, {.system_calls = {SYS_read}, .error = EIO, .failures_max = 1, .nth = 100});
  ASSERT_TRUE(tracer);
  kill(child.pid(), SIGSTOP);
  while (read_proc_stat(child.pid())->state != 't') std::this_thread::yield();
  tracer.reset();
  EXPECT_EQ(tracer_of(child.pid()), 0);
  while (read_proc_stat(child.pid())->state != 'T') std::this_thread::yield();
  kill(child.pid(), SIGCONT);
  child.order('.');
  EXPECT_EQ(child.told(), 0);
}

TEST_F(CallTracerTest, a_process_that_is_traced_already_is_refused_with_the_reason) {
  Child child;
  const CallFailure failure{.system_calls = {SYS_read}, .error = EIO, .nth = 100};
  const auto tracer = fail_reads(child, failure);
  const auto second = CallTracer::attach(child.pid(), failure);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("Operation not permitted"), std::string::npos) << second.error();
}

}  // namespace
}  // namespace ordeal::chaos

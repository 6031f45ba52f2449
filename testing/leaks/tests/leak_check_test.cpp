#include "testing/leaks/leak_check.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include "testing/cites/cites.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::trial {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr milliseconds at_once{0};
constexpr milliseconds patience{5000};

Watched watched() {
  return {.marker = std::string{test_id_variable} + "=" + std::string{test_id()},
          .temp_folder = temp_folder()};
}

// A child that lives until it is told, or killed.
class Child {
 public:
  Child() {
    EXPECT_EQ(pipe2(told_, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(told_[1]);
      char byte = 0;
      (void)!read(told_[0], &byte, 1);
      _exit(0);
    }
    close(told_[0]);
  }
  ~Child() {
    tell_to_end();
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void tell_to_end() {
    if (told_[1] >= 0) close(told_[1]);
    told_[1] = -1;
  }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  int told_[2]{};
  int pid_ = -1;
};

TEST(LeakCheck, FindsNothingWhereNothingWasLeft) {
  const Snapshot before = take_snapshot(watched());
  { const Child child; }
  std::thread{[] {}}.join();
  EXPECT_THAT(leaks_since(before, watched(), patience), IsEmpty());
}

TEST(LeakCheck, NamesAStrayChild) {
  cites(52);
  cites_bug_class(6);
  const Snapshot before = take_snapshot(watched());
  Child child;
  const auto leaks = leaks_since(before, watched(), milliseconds{20});
  ASSERT_THAT(leaks, SizeIs(2));  // and the pipe to it
  EXPECT_EQ(leaks[0].kind, LeakKind::process);
  EXPECT_THAT(leaks[0].what, HasSubstr("process " + std::to_string(child.pid())));
  EXPECT_THAT(leaks[0].what, HasSubstr("leak_check_test"));
}

TEST(LeakCheck, NamesAZombieAtOnce) {
  cites(52);
  cites_bug_class(7);
  const Snapshot before = take_snapshot(watched());
  Child child;
  child.tell_to_end();
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT), 0);
  const auto leaks = leaks_since(before, watched(), patience);
  ASSERT_THAT(leaks, SizeIs(1));
  EXPECT_EQ(leaks[0].kind, LeakKind::zombie);
  EXPECT_THAT(leaks[0].what, HasSubstr("zombie " + std::to_string(child.pid())));
}

TEST(LeakCheck, AwaitsAnEndThatIsOnItsWay) {
  const Snapshot before = take_snapshot(watched());
  const auto child = std::make_unique<Child>();
  std::thread reaper{[&] {
    kill(child->pid(), SIGKILL);
    waitpid(child->pid(), nullptr, 0);
    child->tell_to_end();
  }};
  reaper.join();
  EXPECT_THAT(leaks_since(before, watched(), patience), IsEmpty());
}

TEST(LeakCheck, NamesADescriptorAndItsTarget) {
  const Snapshot before = take_snapshot(watched());
  const int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const auto leaks = leaks_since(before, watched(), patience);
  close(descriptor);
  ASSERT_THAT(leaks, SizeIs(1));
  EXPECT_EQ(leaks[0].what, "descriptor " + std::to_string(descriptor) + " -> /dev/null");
}

TEST(LeakCheck, NamesADescriptorThatTookTheNumberOfAnother) {
  const int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const Snapshot before = take_snapshot(watched());
  close(first);
  const int second = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(second, first);
  EXPECT_THAT(leaks_since(before, watched(), at_once), SizeIs(1));
  close(second);
}

TEST(LeakCheck, NamesAThread) {
  const Snapshot before = take_snapshot(watched());
  const int event = eventfd(0, EFD_CLOEXEC);
  std::thread stray{[event] {
    eventfd_t value = 0;
    (void)eventfd_read(event, &value);
  }};
  pthread_setname_np(stray.native_handle(), "stray-thread");
  const auto leaks = leaks_since(before, watched(), milliseconds{20});
  eventfd_write(event, 1);
  stray.join();
  close(event);
  ASSERT_THAT(leaks, SizeIs(2));  // and the event
  EXPECT_EQ(leaks[0].kind, LeakKind::thread);
  EXPECT_THAT(leaks[0].what, HasSubstr("stray-thread"));
  EXPECT_THAT(leaks_since(before, watched(), patience), IsEmpty());
}

TEST(LeakCheck, FailsEachTestOfAProgramThatLeaksAndNamesWhatIsLeft) {
  cites(50, 52);
  std::string output;
  FILE* program = popen("ORDEAL_LEAK_PATIENCE_MS=50 " LEAKY_EXAMPLE " 2>&1", "re");
  ASSERT_NE(program, nullptr);
  char chunk[4096];
  for (std::size_t count = 0; (count = fread(chunk, 1, sizeof chunk, program)) > 0;) {
    output.append(chunk, count);
  }
  const int status = pclose(program);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  for (const char* named :
       {"test Leaky.ChildProcess leaves behind:\n  process ", "tail -f /dev/null",
        "test Leaky.OrphanAndZombie leaves behind:", "  zombie ",
        "test Leaky.Descriptor leaves behind:\n  descriptor ",
        "test Leaky.Socket leaves behind:\n  socket ",
        "test Leaky.Thread leaves behind:\n  thread ", "stray-thread",
        "test Leaky.File leaves behind:\n  file ", "/forgotten.txt",
        "test Leaky.SharedMemoryName leaves behind:\n  shared memory /dev/shm/ordeal-leaky-",
        "test Leaky.SharedMemorySegment leaves behind:\n  shared memory segment ",
        "test Leaky.SharedMemoryMapping leaves behind:\n  shared memory /memfd:leaky",
        "suite LeakySuite leaves behind:\n  descriptor ", "anon_inode:[eventfd]",
        "[       OK ] LeakySuite.IsCleanItself", "[       OK ] Clean.LeavesNothing"}) {
    EXPECT_THAT(output, HasSubstr(named));
  }
  EXPECT_THAT(output, HasSubstr("9 FAILED TESTS"));
}

}  // namespace
}  // namespace ordeal::trial

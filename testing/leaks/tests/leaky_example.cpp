// Tests that leave something behind on purpose; each of them must fail, but the last.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "testing/leaks/leak_listener.hpp"

namespace ordeal::trial {
namespace {

// `orphan`: its parent ends, so only the marker in its environment tells whose it is.
void start_pausing_process(bool orphan) {
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (orphan && fork() > 0) _exit(0);
    execlp("tail", "tail", "-f", "/dev/null", nullptr);
    _exit(1);
  }
  close(ready[1]);
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 0);  // the other end closes on exec
  close(ready[0]);
}

TEST(Leaky, ChildProcess) { start_pausing_process(false); }

TEST(Leaky, OrphanAndZombie) { start_pausing_process(true); }

TEST(Leaky, Descriptor) { ASSERT_GE(open("/dev/null", O_RDONLY | O_CLOEXEC), 0); }

TEST(Leaky, Socket) { ASSERT_GE(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 0); }

TEST(Leaky, Thread) {
  std::thread stray{[] { pause(); }};
  pthread_setname_np(stray.native_handle(), "stray-thread");
  stray.detach();
}

TEST(Leaky, File) { std::ofstream{temp_folder() + "/forgotten.txt"} << "x"; }

TEST(Leaky, SharedMemoryName) {
  const std::string name = "/ordeal-leaky-" + std::to_string(getpid());
  const int descriptor = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  ASSERT_GE(descriptor, 0);
  close(descriptor);
}

TEST(Leaky, SharedMemorySegment) { ASSERT_GE(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), 0); }

TEST(Leaky, SharedMemoryMapping) {
  const int descriptor = memfd_create("leaky", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(descriptor, 4096), 0);
  ASSERT_NE(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, descriptor, 0), MAP_FAILED);
  close(descriptor);
}

struct LeakySuite : ::testing::Test {
  static void SetUpTestSuite() { ASSERT_GE(eventfd(0, EFD_CLOEXEC), 0); }
};
TEST_F(LeakySuite, IsCleanItself) {}

TEST(Clean, LeavesNothing) {
  std::thread{[] {}}.join();
  const int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(descriptor);
}

}  // namespace
}  // namespace ordeal::trial

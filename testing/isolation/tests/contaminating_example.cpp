// Tests that change something for those after them, on purpose; each of them must fail, but the
// last. Run by isolation_test, which reads what they are said to have done.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "testing/isolation/isolation.hpp"

namespace ordeal::trial {
namespace {

class Contaminating : public ContaminationDetection {
 protected:
  static void SetUpTestSuite() { ::setenv("ORDEAL_PRESENT", "1", 1); }
};

TEST_F(Contaminating, AThread) {
  std::thread stray{[] { ::pause(); }};
  ::pthread_setname_np(stray.native_handle(), "stray-thread");
  stray.detach();
}

TEST_F(Contaminating, ADescriptor) { ASSERT_GE(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0); }

TEST_F(Contaminating, AChild) {
  if (::fork() > 0) return;
  while (true) ::pause();
}

TEST_F(Contaminating, TheEnvironment) {
  ::setenv("ORDEAL_PLANTED", "a-secret", 1);
  ::unsetenv("ORDEAL_PRESENT");
}

TEST_F(Contaminating, TheDirectory) { ASSERT_EQ(::chdir("/"), 0); }

TEST_F(Contaminating, TheUmask) { ::umask(0777); }

TEST_F(Contaminating, ASignalHandler) {
  ::signal(SIGUSR2, [](int) {});
  sigset_t hup;
  ::sigemptyset(&hup);
  ::sigaddset(&hup, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &hup, nullptr);
}

// What the tests before it did is undone, or known.
TEST_F(Contaminating, NothingAtAll) {
  EXPECT_EQ(::getenv("ORDEAL_PLANTED"), nullptr);
  EXPECT_NE(::getenv("ORDEAL_PRESENT"), nullptr);
}

}  // namespace
}  // namespace ordeal::trial

// What a worker gets: program, descriptors, environment, directory, signals, group.
#include "pool/process/spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "pool/process/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::process {
namespace {

class Spawn : public ProcessTest {};

TEST_F(Spawn, ConnectsRequestsRepliesAndStderr) {
  WorkerProcess worker = must_spawn(shell("read line; echo reply to $line; echo trouble >&2"));
  write_all(worker.pipes().to_worker.get(), "ping\n");
  EXPECT_EQ(read_all(worker.pipes().from_worker.get()), "reply to ping\n");
  EXPECT_EQ(read_all(worker.pipes().standard_error.get()), "trouble\n");
  const ExitStatus status = must_reap(worker);
  EXPECT_TRUE(status.known);
  EXPECT_EQ(status.exit_code, 0);
}

TEST_F(Spawn, TellsTheProgressPipesNumber) {
  WorkerProcess worker = must_spawn(shell("echo step 1 >&$ORDEAL_PROGRESS_FD"));
  EXPECT_EQ(read_all(worker.pipes().progress.get()), "step 1\n");
}

TEST_F(Spawn, HandsOnNamedDescriptorsAndNoOther) {
  cites(52);
  const FileDescriptor closed(::open("/dev/null", O_RDONLY));  // not even close-on-exec
  const FileDescriptor handed(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  SpawnRequest request = shell("readlink /proc/self/fd/$SPECIAL; ls /proc/self/fd | tr '\\n' ' '");
  request.inherited.push_back({handed.get(), "SPECIAL"});
  request.environment.push_back("SPECIAL=overridden");
  WorkerProcess worker = must_spawn(request);
  // 5 is what ls reads the directory by.
  EXPECT_EQ(read_all(worker.pipes().from_worker.get()), "/dev/zero\n0 1 2 3 4 5 ");
}

TEST_F(Spawn, WithoutProgressLeavesOnlyThree) {
  SpawnRequest request = shell("ls /proc/self/fd | tr '\\n' ' '; echo ${ORDEAL_PROGRESS_FD-unset}");
  request.with_progress = false;
  request.environment.push_back("ORDEAL_PROGRESS_FD=9");  // a stray one would mislead the worker
  WorkerProcess worker = must_spawn(request);
  EXPECT_FALSE(worker.pipes().progress);
  EXPECT_EQ(read_all(worker.pipes().from_worker.get()), "0 1 2 3 unset\n");
}

TEST_F(Spawn, GivesTheEnvironmentThatWasAskedForAndNothingElse) {
  SpawnRequest request;
  request.command = {"/usr/bin/env"};
  request.environment = {"ONE=1", "TWO=zwei"};
  WorkerProcess worker = must_spawn(request);
  EXPECT_EQ(read_all(worker.pipes().from_worker.get()), "ONE=1\nTWO=zwei\nORDEAL_PROGRESS_FD=3\n");
}

TEST_F(Spawn, LeadsItsOwnGroupBeforeItRuns) {
  WorkerProcess worker = must_spawn(shell("read gate; exec cut -d' ' -f5 /proc/self/stat"));
  EXPECT_EQ(worker.group(), worker.pid());
  EXPECT_EQ(::getpgid(worker.pid()), worker.pid());
  EXPECT_EQ(::getsid(worker.pid()), ::getsid(0));
  write_all(worker.pipes().to_worker.get(), "\n");
  EXPECT_EQ(read_line(worker.pipes().from_worker.get()), std::to_string(worker.pid()));
}

TEST_F(Spawn, ChangesDirectory) {
  SpawnRequest request = shell("pwd");
  request.working_directory = "/usr/bin";
  WorkerProcess worker = must_spawn(request);
  EXPECT_EQ(read_all(worker.pipes().from_worker.get()), "/usr/bin\n");
}

TEST_F(Spawn, FindsARelativeProgramFromTheHostsDirectory) {
  SpawnRequest request;
  request.command = {"bin/sh", "-c", "pwd"};
  request.working_directory = "/usr";
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path("/");
  WorkerProcess worker = must_spawn(request);
  std::filesystem::current_path(before);
  EXPECT_EQ(read_all(worker.pipes().from_worker.get()), "/usr\n");
}

// The lines SigBlk, SigIgn and SigCgt of /proc/<pid>/status, with the bits.
[[nodiscard]] std::string signal_lines(const std::string& status) {
  const std::size_t begin = status.find("SigBlk:");
  return status.substr(begin, status.find("CapInh:") - begin);
}

TEST_F(Spawn, ResetsEverySignalWhateverTheHostDidToIt) {
  cites_bug_class(11);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction handle {};
  handle.sa_handler = [](int) {};
  struct sigaction before_pipe {
  }, before_user{}, before_realtime{}, before_child{};
  ASSERT_EQ(::sigaction(SIGPIPE, &ignore, &before_pipe), 0);
  ASSERT_EQ(::sigaction(SIGCHLD, &ignore, &before_child), 0);
  ASSERT_EQ(::sigaction(SIGRTMAX, &ignore, &before_realtime), 0);
  ASSERT_EQ(::sigaction(SIGUSR1, &handle, &before_user), 0);
  sigset_t all, before_mask;
  sigfillset(&all);
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &all, &before_mask), 0);
  {
    WorkerProcess worker = must_spawn(shell("exec cat /proc/self/status"));
    EXPECT_EQ(signal_lines(read_all(worker.pipes().from_worker.get())),
              "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
  }
  sigset_t mask_after;
  ::pthread_sigmask(SIG_SETMASK, &before_mask, &mask_after);
  for (int signal = 1; signal < 32; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    EXPECT_EQ(sigismember(&mask_after, signal), 1) << "the host's own mask was touched: " << signal;
  }
  struct sigaction after_pipe {
  }, after_user{};
  ::sigaction(SIGPIPE, &before_pipe, &after_pipe);
  ::sigaction(SIGUSR1, &before_user, &after_user);
  ::sigaction(SIGRTMAX, &before_realtime, nullptr);
  ::sigaction(SIGCHLD, &before_child, nullptr);
  EXPECT_EQ(after_pipe.sa_handler, SIG_IGN) << "the host's own disposition was touched";
  EXPECT_EQ(after_user.sa_handler, handle.sa_handler) << "the host's own handler was touched";
}

TEST_F(Spawn, LeavesTheHostsSignalMaskAsItWas) {
  sigset_t before, after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  WorkerProcess worker = must_spawn(shell("true"));
  SpawnRequest failing;
  failing.command = {"/no/such/program"};
  EXPECT_FALSE(spawn(failing));
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    EXPECT_EQ(sigismember(&after, signal), sigismember(&before, signal)) << "signal " << signal;
  }
}

TEST_F(Spawn, DiesOfSigpipeAsProgramsExpect) {
  WorkerProcess worker = must_spawn(shell("read gate; while :; do echo text; done"));
  worker.pipes().from_worker.reset();
  write_all(worker.pipes().to_worker.get(), "\n");
  EXPECT_EQ(must_reap(worker).signal, SIGPIPE);
}

TEST_F(Spawn, TheHostsEndsDoNotBlockAndTheWorkersDo) {
  WorkerProcess worker = must_spawn(shell("read gate"));
  const WorkerPipes& pipes = worker.pipes();
  for (const FileDescriptor* end :
       {&pipes.to_worker, &pipes.from_worker, &pipes.standard_error, &pipes.progress}) {
    EXPECT_NE(::fcntl(end->get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(end->get(), F_GETFD) & FD_CLOEXEC, 0);
  }
  for (int number = 0; number < 4; ++number) {
    std::ifstream info(fmt::format("/proc/{}/fdinfo/{}", worker.pid(), number));
    std::string word, flags;
    info >> word >> word >> word >> flags;
    EXPECT_EQ(std::stoi(flags, nullptr, 8) & O_NONBLOCK, 0) << "descriptor " << number;
  }
}

TEST_F(Spawn, MakesPipesAsLargeAsAsked) {
  SpawnRequest request = shell("read gate");
  request.pipe_bytes_min = 256 * 1024;
  WorkerProcess worker = must_spawn(request);
  EXPECT_EQ(::fcntl(worker.pipes().to_worker.get(), F_GETPIPE_SZ), 256 * 1024);
  EXPECT_EQ(::fcntl(worker.pipes().from_worker.get(), F_GETPIPE_SZ), 256 * 1024);
}

// The host runs with 0, 1 and 2 closed: the pipes get those numbers, and must still not overwrite
// one another. In a forked child, since this process needs its own.
TEST_F(Spawn, WorksInAHostWithoutStandardDescriptors) {
  for (int closed = 1; closed < 8; ++closed) {
    const int child = ::fork();
    if (child == 0) {
      for (int number = 0; number < 3; ++number) {
        if ((closed >> number & 1) != 0) ::close(number);
      }
      SpawnRequest request =
          shell("read a; echo $a; echo error >&2; echo step >&3; ls /proc/self/fd");
      Result<WorkerProcess> worker = spawn(request);
      if (!worker) ::_exit(1);
      if (::write(worker->pipes().to_worker.get(), "x\n", 2) != 2) ::_exit(2);
      if (read_all(worker->pipes().from_worker.get()) != "x\n0\n1\n2\n3\n4\n") ::_exit(3);
      if (read_all(worker->pipes().standard_error.get()) != "error\n") ::_exit(4);
      if (read_all(worker->pipes().progress.get()) != "step\n") ::_exit(5);
      ::_exit(must_reap(*worker).exit_code == 0 ? 0 : 6);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "closed descriptors (bits): " << closed;
  }
}

}  // namespace
}  // namespace ordeal::pool::process

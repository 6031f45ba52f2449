// Every way in which a spawn fails: what it says, and that it leaves nothing behind.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "pool/process/raw_syscall.hpp"
#include "pool/process/tests/support.hpp"
#include "pool/process/warden.hpp"

namespace ordeal::pool::process {
namespace {

class SpawnError : public ProcessTest {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "ordeal_spawn_error_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ProcessTest::SetUp();
  }
  void TearDown() override {
    ProcessTest::TearDown();
    std::filesystem::remove_all(directory_);
  }
  [[nodiscard]] std::string file(const std::string& name, const std::string& text, ::mode_t mode) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  std::string directory_;
};

[[nodiscard]] Error must_fail(const SpawnRequest& request) {
  const Result<WorkerProcess> worker = spawn(request);
  EXPECT_FALSE(worker) << "it was expected to fail";
  return worker ? Error{} : worker.error();
}

[[nodiscard]] std::string message_of(std::vector<std::string> command,
                                     std::vector<std::string> environment = {}) {
  SpawnRequest request;
  request.command = std::move(command);
  request.environment = std::move(environment);
  const Error error = must_fail(request);
  EXPECT_EQ(error.code, ErrorCode::spawn_failed);
  return error.message;
}

TEST_F(SpawnError, NoSuchProgram) {
  EXPECT_EQ(message_of({"/no/such/program"}),
            "spawn of /no/such/program failed at execve: ENOENT (No such file or directory)");
  EXPECT_EQ(message_of({"no-such-program"}, {"PATH=/usr/bin:/bin"}),
            "spawn of no-such-program failed at search along PATH: ENOENT (No such file or "
            "directory)");
}

TEST_F(SpawnError, NotExecutable) {
  const std::string path = file("plain", "text", 0644);
  EXPECT_EQ(message_of({path}), fmt::format("spawn of {} failed at execve: EACCES (Permission "
                                            "denied)",
                                            path));
  EXPECT_EQ(message_of({"plain"}, {"PATH=/usr/bin:" + directory_}),
            "spawn of plain failed at search along PATH: EACCES (Permission denied)");
}

TEST_F(SpawnError, ADirectoryOnThePathIsNotAProgram) {
  std::filesystem::create_directory(directory_ + "/tool");
  EXPECT_EQ(message_of({"tool"}, {"PATH=" + directory_}),
            "spawn of tool failed at search along PATH: EACCES (Permission denied)");
}

TEST_F(SpawnError, AFileWhereADirectoryIsNeeded) {
  const std::string path = file("plain", "text", 0644) + "/python3";
  EXPECT_EQ(message_of({path}),
            fmt::format("spawn of {} failed at execve: ENOTDIR (Not a directory)", path));
}

TEST_F(SpawnError, AScriptWithoutItsInterpreter) {
  const std::string path = file("script", "#!/no/such/python\n", 0755);
  EXPECT_EQ(message_of({path}),
            fmt::format("spawn of {} failed at execve: ENOENT (No such file or directory): the "
                        "file is there, so its interpreter is not",
                        path));
}

TEST_F(SpawnError, AFileThatIsNoProgram) {
  const std::string path = file("empty", "", 0755);
  EXPECT_EQ(message_of({path}),
            fmt::format("spawn of {} failed at execve: ENOEXEC (Exec format error)", path));
}

TEST_F(SpawnError, NoSuchDirectory) {
  SpawnRequest request = shell("true");
  request.working_directory = "/no/such/directory";
  const Error error = must_fail(request);
  EXPECT_EQ(error.code, ErrorCode::spawn_failed);
  EXPECT_EQ(error.message,
            "spawn of /bin/sh failed at chdir: ENOENT (No such file or directory): "
            "/no/such/directory");
}

TEST_F(SpawnError, RequestsThatCannotBe) {
  const auto message = [](const SpawnRequest& request) {
    const Error error = must_fail(request);
    EXPECT_EQ(error.code, ErrorCode::invalid_option);
    return error.message;
  };
  EXPECT_EQ(message({}), "the worker's command is empty: at least a program is needed");
  SpawnRequest request = shell(std::string("a\0b", 3));
  EXPECT_EQ(message(request), "the worker's command has a NUL byte");
  request = shell("true");
  request.environment.emplace_back("NAME");
  EXPECT_EQ(message(request), "the worker's environment has an entry that is not NAME=value");
  request = shell("true");
  request.working_directory = std::string("/\0", 2);
  EXPECT_EQ(message(request), "the worker's directory has a NUL byte");
  request = shell("true");
  request.inherited.resize(9, {0, "ZERO"});
  EXPECT_EQ(message(request), "9 inherited descriptors exceed inherited_descriptors_max 8");
}

TEST_F(SpawnError, TheNumberOfInheritedDescriptorsMayBeAtItsLimit) {
  SpawnRequest request = shell("true");
  for (int i = 0; i < 8; ++i) request.inherited.push_back({2, fmt::format("COPY_{}", i)});
  WorkerProcess worker = must_spawn(request);
  EXPECT_EQ(must_reap(worker).exit_code, 0);
}

TEST_F(SpawnError, ADeadLifelineStopsTheProgramBeforeItRuns) {
  Result<Warden> warden = Warden::start();
  ASSERT_TRUE(warden) << warden.error().message;
  ::kill(warden->pid(), SIGKILL);
  ASSERT_TRUE(becomes_readable(warden->pidfd()));
  const std::string trace = directory_ + "/ran";
  SpawnRequest request = shell("touch " + trace);
  request.lifeline = warden->lifeline();
  EXPECT_EQ(must_fail(request).message,
            "spawn of /bin/sh failed at registration with the warden: EPIPE (Broken pipe)");
  EXPECT_FALSE(std::filesystem::exists(trace));
}

// A child that is killed between clone and exec: told apart from one that failed.
class KillsItself final : public SpawnHook {
 public:
  int before(SpawnStep step) noexcept override {
    if (step != SpawnStep::marked_close_on_exec) return 0;
    (void)raw_syscall(SYS_kill, raw_syscall(SYS_getpid), SIGKILL);
    return 0;
  }
};

TEST_F(SpawnError, SaysThatTheChildWasKilledBeforeExec) {
  KillsItself hook;
  SpawnRequest request = shell("true");
  request.hook = &hook;
  EXPECT_EQ(must_fail(request).message,
            "spawn of /bin/sh was killed by SIGKILL before execve, at close_range");
}

}  // namespace
}  // namespace ordeal::pool::process

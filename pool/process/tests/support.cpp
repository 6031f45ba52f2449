#include "pool/process/tests/support.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "pool/process/environment.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool::process {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

[[nodiscard]] std::string read_until(int descriptor, bool one_line) {
  std::string text;
  const auto deadline = steady_clock::now() + patience;
  while (steady_clock::now() < deadline) {
    std::array<char, 4096> chunk{};
    const ssize_t got = ::read(descriptor, chunk.data(), one_line ? 1 : chunk.size());
    if (got == 0) return text;
    if (got > 0) {
      if (one_line && chunk[0] == '\n') return text;
      text.append(chunk.data(), static_cast<std::size_t>(got));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) break;
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (!becomes_readable(descriptor, left)) break;
  }
  ADD_FAILURE() << "nothing more came on descriptor " << descriptor << " after: " << text;
  return text;
}

}  // namespace

void ProcessTest::SetUp() { descriptors_before_ = open_descriptors(); }

void ProcessTest::TearDown() {
  EXPECT_EQ(open_descriptors(), descriptors_before_) << "the test leaks descriptors";
  EXPECT_EQ(children(), std::vector<std::string>{}) << "the test leaves children";
}

std::set<std::string> open_descriptors() {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    // The iterator's own descriptor is the one that points at this directory.
    if (error || target.string().find("/fd") != std::string::npos) continue;
    found.insert(entry.path().filename().string() + " -> " + target.string());
  }
  return found;
}

SpawnRequest shell(const std::string& script) {
  SpawnRequest request;
  request.command = {"/bin/sh", "-c", script};
  static constexpr std::array<std::string_view, 2> inherited{"PATH", "PYENV_*"};
  request.environment = make_environment(::environ, inherited, {});
  return request;
}

SpawnRequest python(const std::string& script) {
  SpawnRequest request = shell("");
  request.command = {"/usr/bin/env", "python3", "-I", "-S", "-c", script};
  return request;
}

WorkerProcess must_spawn(const SpawnRequest& request) {
  Result<WorkerProcess> worker = spawn(request);
  if (!worker) {
    ADD_FAILURE() << worker.error().message;
    return WorkerProcess(-1, FileDescriptor(), WorkerPipes{});
  }
  return std::move(*worker);
}

std::string read_all(int descriptor) { return read_until(descriptor, false); }
std::string read_line(int descriptor) { return read_until(descriptor, true); }

bool becomes_readable(int descriptor, milliseconds wait_max) {
  pollfd waited{descriptor, POLLIN, 0};
  const core::Instant deadline = core::after(runtime::now(), wait_max);
  trial::declare_deadline(deadline);
  return runtime::poll_until({&waited, 1}, deadline) > 0;
}

bool is_alive(int pidfd) { return !becomes_readable(pidfd, milliseconds{0}); }

FileDescriptor open_pidfd(int pid) {
  return FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

ExitStatus must_reap(WorkerProcess& worker) {
  const std::optional<ExitStatus> status = worker.reap_within(patience);
  if (!status) ADD_FAILURE() << "worker " << worker.pid() << " lives";
  return status.value_or(ExitStatus{});
}

void write_all(int descriptor, const std::string& text) {
  ASSERT_EQ(::write(descriptor, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

bool eventually(const std::function<bool()>& condition, int alive) {
  const auto deadline = steady_clock::now() + patience;
  while (!condition()) {
    if (becomes_readable(alive, milliseconds{1})) return condition();
    if (steady_clock::now() > deadline) return false;
  }
  return true;
}

std::size_t descriptors_of(int pid) {
  const std::filesystem::directory_iterator all(fmt::format("/proc/{}/fd", pid));
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::vector<std::string> children() {
  std::vector<std::string> found;
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0) return found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "children");
    for (int pid = 0; file >> pid;) {
      std::string name;
      std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)), name);
      found.push_back(fmt::format("{} {}", pid, name));
    }
  }
  if (found.empty()) found.emplace_back("some child");
  return found;
}

}  // namespace ordeal::pool::process

#include "perf/baseline/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <optional>

#include "pool/process/file_descriptor.hpp"
#include "pool/process/spawn.hpp"
#include "pool/process/warden.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::perf {
namespace {

using pool::process::FileDescriptor;
using pool::process::Pipe;

constexpr std::size_t error_text_max = 2000;

std::string name_of(const ProgramRequest& request) {
  return fmt::format("{}", fmt::join(request.command, " "));
}

tl::unexpected<Error> failed(const ProgramRequest& request, const std::string& message) {
  return tl::unexpected(Error{ErrorKind::program, name_of(request), message});
}

// NAME=value, the request's instead of our own.
std::vector<std::string> environment_of(const ProgramRequest& request) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view own{*entry};
    const bool replaced =
        std::any_of(request.environment.begin(), request.environment.end(),
                    [&](const auto& pair) { return own.substr(0, own.find('=')) == pair.first; });
    if (!replaced) all.emplace_back(own);
  }
  for (const auto& [name, value] : request.environment) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// errno of the spawn; 0: `child` runs.
int start_program(const ProgramRequest& request, int out, int error_out, pid_t& child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, error_out, 2);
  if (!request.folder.empty()) {
    posix_spawn_file_actions_addchdir_np(&actions, request.folder.c_str());
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  auto command = request.command;
  auto environment = environment_of(request);
  const int result = posix_spawnp(&child, command.front().c_str(), &actions, &attributes,
                                  pointers_to(command).data(), pointers_to(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return result;
}

// What is there now. False: nothing more will come.
bool read_some(int descriptor, std::string& text) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      return count < 0 && errno == EAGAIN;
    }
  }
}

// Reads both pipes until the child is dead, however long others hold them. False: the deadline.
bool read_until_death(int pidfd, Pipe& out, Pipe& error_out, pool::runtime::Instant deadline,
                      ProgramOutput& output) {
  bool out_open = true;
  bool error_open = true;
  for (;;) {
    std::array<pollfd, 3> watched{{{pidfd, POLLIN, 0},
                                   {out_open ? out.read_end.get() : -1, POLLIN, 0},
                                   {error_open ? error_out.read_end.get() : -1, POLLIN, 0}}};
    if (pool::runtime::poll_until(watched, deadline) == 0) return false;
    if (watched[1].revents != 0) out_open = read_some(out.read_end.get(), output.out);
    if (watched[2].revents != 0) {
      error_open = read_some(error_out.read_end.get(), output.error_text);
    }
    if (watched[0].revents == 0) continue;
    if (out_open) (void)read_some(out.read_end.get(), output.out);
    if (error_open) (void)read_some(error_out.read_end.get(), output.error_text);
    return true;
  }
}

int reap(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Attempt<ProgramOutput> run_program(const ProgramRequest& request) {
  const auto deadline =
      pool::runtime::to_instant(std::chrono::steady_clock::now() + request.time_max);
  auto out = pool::process::make_pipe({.read_end_non_blocking = true});
  auto error_out = pool::process::make_pipe({.read_end_non_blocking = true});
  if (!out || !error_out) return failed(request, "no pipe for its output");
  pid_t child = -1;
  if (const int error =
          start_program(request, out->write_end.get(), error_out->write_end.get(), child)) {
    return failed(request, fmt::format("cannot start: {}", std::strerror(error)));
  }
  out->write_end.reset();
  error_out->write_end.reset();
  // Not reaped yet, so the number is still its own.
  const FileDescriptor pidfd{static_cast<int>(::syscall(SYS_pidfd_open, child, 0U))};
  ProgramOutput output;
  const bool ended = read_until_death(pidfd.get(), *out, *error_out, deadline, output);
  ::kill(-child, SIGKILL);  // what it left behind in its group, or itself
  const int status = reap(child);
  if (output.error_text.size() > error_text_max) {
    output.error_text.erase(0, output.error_text.size() - error_text_max);
  }
  if (!ended) {
    return failed(request, fmt::format("ran for more than {} ms and was killed; stderr: {}",
                                       request.time_max.count(), output.error_text));
  }
  if (WIFSIGNALED(status)) {
    return failed(request, fmt::format("died of signal {} ({}); stderr: {}", WTERMSIG(status),
                                       ::strsignal(WTERMSIG(status)), output.error_text));
  }
  output.exit_code = WEXITSTATUS(status);
  return output;
}

Attempt<std::string> output_of(const ProgramRequest& request) {
  auto output = run_program(request);
  if (!output) return tl::unexpected(output.error());
  if (output->exit_code != 0) {
    return failed(request, fmt::format("ended with exit code {}; stderr: {}", output->exit_code,
                                       output->error_text));
  }
  return std::move(output->out);
}

// The warden kills the group if we are killed, which no destructor would see. It knows the group
// before its program runs.
struct BackgroundProgram::Running {
  Running(pool::process::Warden ends_it_with_us, pool::process::WorkerProcess started)
      : warden(std::move(ends_it_with_us)), process(std::move(started)) {}
  ~Running() {
    const int group = process->group();
    process.reset();
    (void)warden.unregister_group(group);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  pool::process::Warden warden;
  std::optional<pool::process::WorkerProcess> process;
};

Attempt<BackgroundProgram> BackgroundProgram::start(const std::vector<std::string>& command) {
  const ProgramRequest request{.command = command};
  auto warden = pool::process::Warden::start();
  if (!warden) return failed(request, warden.error().message);
  // Nobody reads what it says.
  pool::process::SpawnRequest spawned{
      .command = {"sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>&1", "sh"},
      .environment = environment_of(request),
      .with_progress = false,
      .lifeline = warden->lifeline()};
  spawned.command.insert(spawned.command.end(), command.begin(), command.end());
  auto process = pool::process::spawn(spawned);
  if (!process) return failed(request, process.error().message);
  return BackgroundProgram{std::make_unique<Running>(std::move(*warden), std::move(*process))};
}

BackgroundProgram::BackgroundProgram(std::unique_ptr<Running> running)
    : running_(std::move(running)) {}
BackgroundProgram::BackgroundProgram(BackgroundProgram&& other) noexcept = default;
BackgroundProgram::~BackgroundProgram() = default;

}  // namespace ordeal::perf

// The destination of alerts that is a command of the user's: a pager, a mailer, a script.
//
// Invariants: the command runs on the destination's own thread, one at a time, for no longer than
// its time limit; it and all that it started are gone before the next alert, and reaped, also where
// the host ignores SIGCHLD. What it writes is read, so that it cannot hang on it, and thrown away
// but for the end of its stderr.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "ordeal/pool/reporter.hpp"
#include "pool/observe/line_file.hpp"
#include "pool/process/environment.hpp"
#include "pool/process/spawn.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool {
namespace {

using process::FileDescriptor;
using process::WorkerProcess;
using runtime::Instant;

constexpr std::size_t said_bytes_max = 200;

// One run of the command.
class Errand {
 public:
  Errand(WorkerProcess process, std::string letter, Instant deadline)
      : process_(std::move(process)), letter_(std::move(letter)), deadline_(deadline) {}

  // Empty: it has ended with 0. Else what went wrong.
  [[nodiscard]] std::string run(std::chrono::milliseconds time_max) {
    while (!is_over() && runtime::now() < deadline_) exchange();
    if (!is_over()) {
      process_.signal_group(SIGKILL);
      (void)process_.reap_within(WorkerProcess::destructor_wait_max);
      return fmt::format("it had not ended after {} ms, and was killed", time_max.count());
    }
    return outcome_of(*process_.try_reap());
  }

 private:
  [[nodiscard]] bool is_over() const { return runtime::is_readable_now(process_.pidfd()); }

  // Writes and reads what can be; waits until there is something, or until the deadline.
  void exchange() {
    auto& pipes = process_.pipes();
    std::array<pollfd, 4> watched{{
        {process_.pidfd(), POLLIN, 0},
        {pipes.to_worker.get(), POLLOUT, 0},  // negative once closed, and then passed over
        {pipes.from_worker.get(), POLLIN, 0},
        {pipes.standard_error.get(), POLLIN, 0},
    }};
    runtime::poll_until(watched, deadline_);
    if (watched[1].revents != 0) write_some();
    if (watched[2].revents != 0) read_some(pipes.from_worker, nullptr);
    if (watched[3].revents != 0) read_some(pipes.standard_error, &said_);
  }

  void write_some() {
    auto& pipes = process_.pipes();
    const ssize_t count =
        ::write(pipes.to_worker.get(), letter_.data() + written_, letter_.size() - written_);
    if (count > 0) written_ += static_cast<std::size_t>(count);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count >= 0 && written_ < letter_.size()) return;
    // Until here the second read end has kept a command that reads nothing from raising SIGPIPE.
    pipes.to_worker = FileDescriptor{};
    pipes.unread_requests = FileDescriptor{};
  }

  static void read_some(FileDescriptor& from, std::string* kept) {
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(from.get(), bytes.data(), bytes.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
      from = FileDescriptor{};
      return;
    }
    if (kept == nullptr) return;
    kept->append(bytes.data(), static_cast<std::size_t>(count));
    if (kept->size() > said_bytes_max) kept->erase(0, kept->size() - said_bytes_max);
  }

  [[nodiscard]] std::string outcome_of(const process::ExitStatus& status) {
    if (status.exit_code == 0) return {};
    if (process_.pipes().standard_error) read_some(process_.pipes().standard_error, &said_);
    const std::string said = said_.empty() ? "" : fmt::format(": {}", said_);
    if (status.exit_code) return fmt::format("it ended with {}{}", *status.exit_code, said);
    if (status.signal) return fmt::format("signal {} ended it{}", *status.signal, said);
    return "somebody else reaped it: how it ended is unknown";
  }

  WorkerProcess process_;
  const std::string letter_;
  const Instant deadline_;
  std::size_t written_ = 0;
  std::string said_;
};

}  // namespace

Result<AlertDestination> alert_command(std::vector<std::string> command,
                                       std::chrono::milliseconds time_max) {
  constexpr std::chrono::hours time_max_max{1};
  if (command.empty() || command.front().empty()) {
    return tl::unexpected(
        make_error(ErrorCode::invalid_option, "alert command: it is empty; name a program"));
  }
  if (time_max < std::chrono::milliseconds{1} || time_max > time_max_max) {
    return tl::unexpected(make_error(
        ErrorCode::invalid_option,
        fmt::format("alert command: a time limit of {} ms is out of range, allowed 1 to 3600000",
                    time_max.count())));
  }
  std::string name = fmt::format("command {}", command.front());
  // The host's environment is read here, once, in the caller's thread.
  auto environment =
      process::make_environment(::environ, process::default_inherited_variables(), {});
  const auto deliver = [command = std::move(command), environment = std::move(environment),
                        time_max](const Alert& alert) {
    const Instant deadline = runtime::now() + time_max;
    auto process =
        process::spawn({.command = command, .environment = environment, .with_progress = false});
    if (!process) throw std::runtime_error{process.error().message};
    Errand errand{std::move(*process), to_json_line(alert, observe::wall_time(alert.at)) + "\n",
                  deadline};
    if (const std::string failure = errand.run(time_max); !failure.empty()) {
      throw std::runtime_error{failure};
    }
  };
  return AlertDestination{std::move(name), deliver};
}

}  // namespace ordeal::pool

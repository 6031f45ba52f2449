#include "pool/tools/top_command.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "pool/tools/ask_run.hpp"
#include "pool/tools/stop_signals.hpp"
#include "pool/tools/top_frame.hpp"

namespace ordeal::pool::tools {
namespace {

using Clock = std::chrono::steady_clock;

ExitCode complain(const std::string& message, ExitCode code) {
  fmt::print(stderr, "ordeal-pool: {}\n", message);
  return code;
}

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// The alternate screen without a cursor, and keys as they are pressed; as it was when destroyed.
class Screen {
 public:
  Screen() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // Ctrl-C stays a signal
    ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    (void)write_all("\x1b[?1049h\x1b[?25l");
  }
  ~Screen() {
    (void)write_all("\x1b[?25h\x1b[?1049l");
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  [[nodiscard]] static TerminalSize size() {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) return {};
    return {window.ws_col, std::max<std::size_t>(window.ws_row, 1)};
  }

 private:
  termios before_{};
};

// Until the next frame is due. True: the user has seen enough.
bool wait_for_key(const StopSignals& signals, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    std::array<pollfd, 2> polled{{{.fd = signals.descriptor(), .events = POLLIN, .revents = 0},
                                  {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) <= 0) continue;
    if (polled[0].revents != 0 && signals.take() > 0) return true;
    if (polled[1].revents == 0) continue;
    std::array<char, 64> keys;
    const ssize_t count = ::read(STDIN_FILENO, keys.data(), keys.size());
    if (count <= 0) return true;  // the terminal is gone
    const auto end = keys.begin() + count;
    if (std::find(keys.begin(), end, 'q') != end || std::find(keys.begin(), end, 'Q') != end) {
      return true;
    }
  }
}

// Empty: the user has left.
std::optional<Error> show_frames(const std::string& socket, const TopArguments& arguments,
                                 const StopSignals& signals) {
  const Screen screen;
  std::string before;
  Clock::time_point seen_before;
  while (true) {
    auto report = ask_run(socket, ask_status, Patience::seconds);
    if (!report) return report.error();
    const auto seen = Clock::now();
    const auto frame = top_frame(*report, before, seen - seen_before, Screen::size());
    if (!frame) return frame.error();
    if (!write_all(*frame)) return std::nullopt;  // the terminal is gone
    before = std::move(*report);
    seen_before = seen;
    if (wait_for_key(signals, seen + arguments.interval)) return std::nullopt;
  }
}

}  // namespace

ExitCode top_command(const TopArguments& arguments) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    return complain("top needs a terminal; `ordeal-pool status` does not", ExitCode::usage);
  }
  std::string socket = arguments.socket;
  if (socket.empty()) {
    const auto running = running_sockets();
    if (running.empty()) {
      return complain("no running pool of this user was found", ExitCode::not_started);
    }
    socket = running.front();
    if (running.size() > 1) {
      return complain(fmt::format("{} pools of this user are running; say which: --socket {}",
                                  running.size(), socket),
                      ExitCode::usage);
    }
  }
  const StopSignals signals;
  const auto error = show_frames(socket, arguments, signals);
  if (!error) return ExitCode::ok;
  return complain(fmt::format("socket {}: {}", socket, error->message), ExitCode::not_started);
}

}  // namespace ordeal::pool::tools

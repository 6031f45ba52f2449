#include "pool/tools/status_command.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "pool/tools/status_report.hpp"
#include "pool/tools/unix_socket.hpp"

namespace ordeal::pool::tools {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds answer_patience{5};
constexpr std::size_t answer_bytes_max = 16 << 20;  // 1024 workers with long notes are far below

// All until the other end closes. Errors: call_timeout, malformed_reply, worker_closed_stream.
Result<std::string> read_answer(int socket) {
  std::string answer;
  const auto deadline = Clock::now() + answer_patience;
  std::array<char, 64 * 1024> block;
  while (answer.size() <= answer_bytes_max) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd polled{.fd = socket, .events = POLLIN, .revents = 0};
    const int timeout_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    if (::poll(&polled, 1, timeout_ms) == 0) {
      return tl::unexpected(make_error(
          ErrorCode::call_timeout, fmt::format("no answer within {} s", answer_patience.count())));
    }
    const ssize_t count = ::read(socket, block.data(), block.size());
    if (count > 0) answer.append(block.data(), static_cast<std::size_t>(count));
    if (count == 0) return answer;
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
      return tl::unexpected(
          make_error(ErrorCode::worker_closed_stream, std::generic_category().message(errno)));
    }
  }
  return tl::unexpected(
      make_error(ErrorCode::malformed_reply, fmt::format("more than {} bytes", answer_bytes_max)));
}

void complain(const std::string& message) { fmt::print(stderr, "ordeal-pool: {}\n", message); }

ExitCode show(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return written && std::fflush(stdout) == 0 ? ExitCode::ok : ExitCode::input_output;
}

struct Answer {
  std::string path;
  std::string json;
};

ExitCode show_one(const Answer& answer, bool json) {
  if (json) return show(answer.json);
  const auto table = report_table(answer.json);
  if (table) return show(*table);
  complain(fmt::format("socket {}: {}", answer.path, table.error().message));
  return ExitCode::input_output;
}

ExitCode ask_one(const StatusArguments& arguments) {
  const Connection connection = connect_to(arguments.socket);
  if (connection.connected != Connected::yes) {
    complain(fmt::format("socket {}: {}", arguments.socket, connection.reason));
    return connection.connected == Connected::nobody_listens ? ExitCode::not_started
                                                             : ExitCode::input_output;
  }
  auto answer = read_answer(connection.socket.get());
  if (!answer) {
    complain(fmt::format("socket {}: {}", arguments.socket, answer.error().message));
    return ExitCode::input_output;
  }
  return show_one({arguments.socket, std::move(*answer)}, arguments.json);
}

ExitCode ask_all(bool json) {
  std::vector<Answer> answers;
  for (const std::string& path : default_sockets()) {
    const Connection connection = connect_to(path);
    if (connection.connected == Connected::nobody_listens) continue;  // a run that was killed
    auto answer = connection.connected == Connected::yes
                      ? read_answer(connection.socket.get())
                      : tl::unexpected(make_error(ErrorCode::none, connection.reason));
    if (answer) {
      answers.push_back({path, std::move(*answer)});
    } else {
      complain(fmt::format("socket {}: {}", path, answer.error().message));
    }
  }
  if (answers.empty()) {
    complain(
        "no running pool of this user was found; --socket PATH asks one that listens elsewhere");
    return ExitCode::not_started;
  }
  if (answers.size() == 1) return show_one(answers.front(), json);
  std::string list;
  for (const Answer& answer : answers) {
    if (json) {
      list += answer.json;
    } else if (const auto line = report_headline(answer.json)) {
      list += fmt::format("{}  --socket {}\n", line->substr(0, line->size() - 1), answer.path);
    }
  }
  return show(list);
}

}  // namespace

ExitCode status_command(const StatusArguments& arguments) {
  return arguments.socket.empty() ? ask_all(arguments.json) : ask_one(arguments);
}

}  // namespace ordeal::pool::tools

#include "pool/tools/ask_run.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "pool/tools/unix_socket.hpp"

namespace ordeal::pool::tools {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds answer_patience{5};
constexpr std::size_t answer_bytes_max = 16 << 20;  // 1024 workers with long notes are far below

tl::unexpected<Error> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(make_error(code, std::move(message)));
}

// All until the other end closes.
Result<std::string> read_answer(int socket, Patience patience) {
  std::string answer;
  const auto deadline = Clock::now() + answer_patience;
  std::array<char, 64 * 1024> block;
  while (answer.size() <= answer_bytes_max) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd polled{.fd = socket, .events = POLLIN, .revents = 0};
    const int timeout_ms = patience == Patience::endless
                               ? -1
                               : static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    if (::poll(&polled, 1, timeout_ms) == 0) {
      return refuse(ErrorCode::call_timeout,
                    fmt::format("no answer within {} s", answer_patience.count()));
    }
    const ssize_t count = ::read(socket, block.data(), block.size());
    if (count > 0) answer.append(block.data(), static_cast<std::size_t>(count));
    if (count == 0) return answer;
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
      return refuse(ErrorCode::worker_closed_stream, std::generic_category().message(errno));
    }
  }
  return refuse(ErrorCode::malformed_reply, fmt::format("more than {} bytes", answer_bytes_max));
}

}  // namespace

Result<std::string> ask_run(const std::string& path, const std::string& question,
                            Patience patience) {
  const Connection connection = connect_to(path);
  if (connection.connected != Connected::yes) {
    return refuse(connection.connected == Connected::nobody_listens ? ErrorCode::worker_not_found
                                                                    : ErrorCode::invalid_option,
                  connection.reason);
  }
  // A question fits into the socket's buffer.
  const ssize_t sent =
      ::send(connection.socket.get(), question.data(), question.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(question.size())) {
    return refuse(ErrorCode::worker_closed_stream, "it does not take the question");
  }
  return read_answer(connection.socket.get(), patience);
}

std::vector<std::string> running_sockets() {
  std::vector<std::string> running;
  for (const std::string& path : default_sockets()) {
    if (connect_to(path).connected == Connected::yes) running.push_back(path);
  }
  return running;
}

}  // namespace ordeal::pool::tools

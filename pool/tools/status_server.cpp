#include "pool/tools/status_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace ordeal::pool::tools {

void StatusServer::add_polled(std::vector<pollfd>& polled) const {
  const bool room = clients_.size() < clients_max;
  polled.push_back({.fd = room ? socket_.descriptor() : -1, .events = POLLIN, .revents = 0});
  for (const Client& client : clients_) {
    // One that waits is watched, too: poll() says so if it goes away.
    const int events = client.stage == Stage::asking    ? POLLIN
                       : client.stage == Stage::reading ? POLLOUT
                                                        : 0;
    polled.push_back(
        {.fd = client.socket.get(), .events = static_cast<short>(events), .revents = 0});
  }
}

bool StatusServer::send_some(Client& client) {
  const ssize_t count = ::send(client.socket.get(), client.answer.data() + client.sent,
                               client.answer.size() - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  client.sent += static_cast<std::size_t>(count);
  return client.sent < client.answer.size();
}

bool StatusServer::hear_some(Client& client) {
  std::array<char, 4096> block;
  const ssize_t count = ::recv(client.socket.get(), block.data(), block.size(), MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  client.question.append(block.data(), static_cast<std::size_t>(count));
  return client.question.size() <= question_bytes_max;
}

bool StatusServer::advance(Client& client, Clock::time_point now, const Answer& answer) {
  if (client.stage == Stage::reading) return send_some(client);
  if (client.stage == Stage::waiting) return false;  // it has gone away
  if (!hear_some(client)) return false;
  const std::size_t end = client.question.find('\n');
  if (end == std::string::npos) return true;
  client.question.resize(end);
  client.stage = Stage::waiting;
  client.deadline = Clock::time_point::max();
  auto said = answer(client.id, client.question);
  if (!said) return true;
  client.stage = Stage::reading;
  client.answer = std::move(*said);
  client.deadline = now + client_patience;
  return send_some(client);
}

void StatusServer::reply(std::uint64_t id, std::string answer, Clock::time_point now) {
  const auto client =
      std::find_if(clients_.begin(), clients_.end(), [id](const Client& c) { return c.id == id; });
  if (client == clients_.end() || client->stage != Stage::waiting) return;
  client->stage = Stage::reading;
  client->answer = std::move(answer);
  client->deadline = now + client_patience;
  if (!send_some(*client)) clients_.erase(client);
}

void StatusServer::accept_clients(Clock::time_point now) {
  while (clients_.size() < clients_max) {
    process::FileDescriptor socket{
        ::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket) return;
    if (!peer_is_trusted(socket.get())) continue;
    clients_.push_back({.id = ++last_client_,
                        .socket = std::move(socket),
                        .question = {},
                        .answer = {},
                        .deadline = now + client_patience});
  }
}

void StatusServer::handle(std::span<const pollfd> polled, Clock::time_point now,
                          const Answer& answer) {
  std::size_t next = 1;
  std::erase_if(clients_, [&](Client& client) {
    const bool ready = polled[next++].revents != 0;
    return (ready && !advance(client, now, answer)) || now >= client.deadline;
  });
  if (polled.front().revents != 0) accept_clients(now);
}

int StatusServer::poll_timeout_ms(Clock::time_point now) const {
  auto earliest = Clock::time_point::max();
  for (const Client& client : clients_) earliest = std::min(earliest, client.deadline);
  if (earliest == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(earliest - now);
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

void StatusServer::close() {
  clients_.clear();
  socket_.close();
}

}  // namespace ordeal::pool::tools

#include "pool/tools/status_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace ordeal::pool::tools {

void StatusServer::add_polled(std::vector<pollfd>& polled) const {
  const bool room = clients_.size() < clients_max;
  polled.push_back({.fd = room ? socket_.descriptor() : -1, .events = POLLIN, .revents = 0});
  for (const Client& client : clients_) {
    polled.push_back({.fd = client.socket.get(), .events = POLLOUT, .revents = 0});
  }
}

bool StatusServer::send_some(Client& client) {
  const ssize_t count = ::send(client.socket.get(), client.answer.data() + client.sent,
                               client.answer.size() - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  client.sent += static_cast<std::size_t>(count);
  return client.sent < client.answer.size();
}

void StatusServer::accept_clients(Clock::time_point now,
                                  const std::function<std::string()>& snapshot) {
  while (clients_.size() < clients_max) {
    process::FileDescriptor socket{
        ::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket) return;
    if (!peer_is_trusted(socket.get())) continue;
    Client client{std::move(socket), snapshot(), 0, now + client_patience};
    if (send_some(client)) clients_.push_back(std::move(client));
  }
}

void StatusServer::handle(std::span<const pollfd> polled, Clock::time_point now,
                          const std::function<std::string()>& snapshot) {
  std::size_t next = 1;
  std::erase_if(clients_, [&](Client& client) {
    const bool ready = polled[next++].revents != 0;
    return (ready && !send_some(client)) || now >= client.deadline;
  });
  if (polled.front().revents != 0) accept_clients(now, snapshot);
}

int StatusServer::poll_timeout_ms(Clock::time_point now) const {
  if (clients_.empty()) return -1;
  const auto earliest = std::min_element(
      clients_.begin(), clients_.end(),
      [](const Client& left, const Client& right) { return left.deadline < right.deadline; });
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(earliest->deadline - now);
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

void StatusServer::close() {
  clients_.clear();
  socket_.close();
}

}  // namespace ordeal::pool::tools

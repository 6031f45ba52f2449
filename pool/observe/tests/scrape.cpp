#include "pool/observe/tests/scrape.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>

namespace ordeal::pool::observe {

int connect_to_endpoint(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr generic{};
  static_assert(sizeof generic == sizeof to);
  __builtin_memcpy(&generic, &to, sizeof to);
  // A server that never answers fails the test instead of hanging it.
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(socket, &generic, sizeof generic) == 0) return socket;
  ::close(socket);
  return -1;
}

std::string exchange_bytes(int socket, std::string_view request) {
  std::string answer;
  if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) >= 0) {
    std::array<char, 4096> block;
    for (ssize_t count = 1; count > 0;) {
      count = ::read(socket, block.data(), block.size());
      if (count > 0) answer.append(block.data(), static_cast<std::size_t>(count));
    }
  }
  ::close(socket);
  return answer;
}

std::string http(const std::string& address, std::string_view method, std::string_view target) {
  return exchange_bytes(
      connect_to_endpoint(address),
      std::string{method} + " " + std::string{target} + " HTTP/1.1\r\nHost: test\r\n\r\n");
}

std::string scrape(const std::string& address) {
  const std::string answer = http(address, "GET", "/metrics");
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace ordeal::pool::observe

// Answers `ordeal-pool status`: whoever of this user (or root) connects gets one line of JSON, and
// the connection is closed. Driven by the run's own loop; no thread.
//
// At most clients_max clients at once, the others wait in the socket's queue; one that has not read
// its answer within client_patience is dropped. Not thread-safe.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "pool/process/file_descriptor.hpp"
#include "pool/tools/unix_socket.hpp"

namespace ordeal::pool::tools {

class StatusServer {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t clients_max = 8;
  static constexpr std::chrono::milliseconds client_patience{2000};

  StatusServer() = default;  // serves nobody
  explicit StatusServer(ListeningSocket socket) : socket_(std::move(socket)) {}

  // Appends what is to be polled.
  void add_polled(std::vector<pollfd>& polled) const;
  // What poll() said of those, in the same order. `snapshot` is asked once for each new client.
  void handle(std::span<const pollfd> polled, Clock::time_point now,
              const std::function<std::string()>& snapshot);
  // For poll(): milliseconds until a client's patience is over; -1: there is none.
  [[nodiscard]] int poll_timeout_ms(Clock::time_point now) const;
  void close();
  [[nodiscard]] const std::string& path() const { return socket_.path(); }

 private:
  struct Client {
    process::FileDescriptor socket;
    std::string answer;
    std::size_t sent = 0;
    Clock::time_point deadline;
  };
  static bool send_some(Client& client);  // false: done, or gone
  void accept_clients(Clock::time_point now, const std::function<std::string()>& snapshot);

  ListeningSocket socket_;
  std::vector<Client> clients_;
};

}  // namespace ordeal::pool::tools

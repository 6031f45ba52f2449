// Answers whoever of this user (or root) connects to the run: one line of JSON in, what is asked;
// one line of JSON out; then the connection is closed. Driven by the run's own loop; no thread.
//
// At most clients_max clients at once, the others wait in the socket's queue. One that has not
// asked, or has not read its answer, within client_patience is dropped; an answer may take its
// time. Not thread-safe.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
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
  static constexpr std::size_t question_bytes_max = 64 << 10;
  static constexpr std::chrono::milliseconds client_patience{2000};
  // The answer, its line break included; empty: reply() will bring it.
  using Answer =
      std::function<std::optional<std::string>(std::uint64_t client, const std::string& question)>;

  StatusServer() = default;  // serves nobody
  explicit StatusServer(ListeningSocket socket) : socket_(std::move(socket)) {}

  // Appends what is to be polled.
  void add_polled(std::vector<pollfd>& polled) const;
  // What poll() said of those, in the same order.
  void handle(std::span<const pollfd> polled, Clock::time_point now, const Answer& answer);
  // To a client that may be gone.
  void reply(std::uint64_t client, std::string answer, Clock::time_point now);
  // For poll(): milliseconds until a client's patience is over; -1: there is none.
  [[nodiscard]] int poll_timeout_ms(Clock::time_point now) const;
  void close();
  [[nodiscard]] const std::string& path() const { return socket_.path(); }

 private:
  enum class Stage : std::uint8_t {
    asking,
    waiting,
    reading
  };
  struct Client {
    std::uint64_t id = 0;
    process::FileDescriptor socket;
    Stage stage = Stage::asking;
    std::string question;
    std::string answer;
    std::size_t sent = 0;
    Clock::time_point deadline;
  };
  // False: done, or gone.
  static bool send_some(Client& client);
  static bool hear_some(Client& client);
  bool advance(Client& client, Clock::time_point now, const Answer& answer);
  void accept_clients(Clock::time_point now);

  ListeningSocket socket_;
  std::vector<Client> clients_;
  std::uint64_t last_client_ = 0;
};

}  // namespace ordeal::pool::tools

// The stand-in for Gemini's HTTP API, for the tests of layer 3, and orders to it.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pool/process/environment.hpp"
#include "pool/process/spawn.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::python_mock {

inline constexpr std::string_view stand_in_key = "AIza-a-secret-key";

// A process with an address, that obeys (python_mock/gemini/control.py). Not thread-safe.
class Gemini {
 public:
  Gemini() {
    pool::process::SpawnRequest request;
    request.command = {ORDEAL_PYTHON, ORDEAL_PYTHON_MOCK "/mock_gemini.py", "--control", "--key",
                       std::string{stand_in_key}};
    request.environment = pool::process::make_environment(
        environ, pool::process::default_inherited_variables(),
        std::vector<std::string>{"ORDEAL_TEST_ID=" + std::string{ordeal::trial::test_id()}});
    auto spawned = pool::process::spawn(request);
    if (!spawned) return;
    process_.emplace(std::move(*spawned));
    constexpr std::string_view says = "listening on ";
    if (const std::string line = read_line(); line.starts_with(says)) {
      address_ = line.substr(says.size());
    }
  }
  // Empty if it did not start.
  [[nodiscard]] const std::string& address() const { return address_; }

  // What it answers; {"ok": false} if it does not.
  nlohmann::json order(const nlohmann::json& what) {
    const std::string line = what.dump() + "\n";
    const int pipe = process_->pipes().to_worker.get();
    if (::write(pipe, line.data(), line.size()) != static_cast<ssize_t>(line.size())) return no();
    const auto answer = nlohmann::json::parse(read_line(), nullptr, false);
    return answer.is_discarded() ? no() : answer;
  }
  // From now on this fault and no other.
  bool script(const nlohmann::json& fault) {
    return order({{"do", "clear"}})["ok"] && order({{"do", "add"}, {"fault", fault}})["ok"];
  }
  bool await_held(int count = 1) {
    return order({{"do", "await_held"}, {"count", count}, {"timeout_s", patience_ms / 1000}})["ok"];
  }
  void release() { order({{"do", "release"}}); }
  // Requests so far whose prompt has this text.
  std::int64_t received(std::string_view text = "") {
    return order({{"do", "count"}, {"contains", text}}).value("matching", std::int64_t{-1});
  }

 private:
  static constexpr int patience_ms = 60'000;
  static nlohmann::json no() { return {{"ok", false}}; }
  std::string read_line() {
    std::string line;
    pollfd output{process_->pipes().from_worker.get(), POLLIN, 0};
    while (poll(&output, 1, patience_ms) > 0) {
      char byte = 0;
      if (::read(output.fd, &byte, 1) != 1 || byte == '\n') break;
      line += byte;
    }
    return line;
  }

  std::optional<pool::process::WorkerProcess> process_;  // its destructor kills and reaps
  std::string address_;
};

}  // namespace ordeal::python_mock

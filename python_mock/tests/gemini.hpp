// The stand-in for Gemini's HTTP API, for the tests of layer 3.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pool/process/environment.hpp"
#include "pool/process/spawn.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::python_mock {

inline constexpr std::string_view stand_in_key = "AIza-a-secret-key";

// A process with an address.
class Gemini {
 public:
  Gemini() {
    pool::process::SpawnRequest request;
    request.command = {ORDEAL_PYTHON, ORDEAL_PYTHON_MOCK "/mock_gemini.py", "--key",
                       std::string{stand_in_key}};
    request.environment = pool::process::make_environment(
        environ, pool::process::default_inherited_variables(),
        std::vector<std::string>{"ORDEAL_TEST_ID=" + std::string{ordeal::trial::test_id()}});
    auto spawned = pool::process::spawn(request);
    if (!spawned) return;
    process_.emplace(std::move(*spawned));
    std::string line;
    pollfd output{process_->pipes().from_worker.get(), POLLIN, 0};
    while (line.find('\n') == std::string::npos && poll(&output, 1, patience_ms) > 0) {
      char byte = 0;
      if (::read(output.fd, &byte, 1) != 1) return;
      line += byte;
    }
    constexpr std::string_view says = "listening on ";
    if (line.starts_with(says)) address_ = line.substr(says.size(), line.size() - says.size() - 1);
  }
  // Empty if it did not start.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  static constexpr int patience_ms = 30'000;
  std::optional<pool::process::WorkerProcess> process_;  // its destructor kills and reaps
  std::string address_;
};

}  // namespace ordeal::python_mock

// A line of input: one request.
//
//     {"command": "echo", "args": {"x": 1}, "deadline_ms": 500, "label": "night", "id": "a-1"}
//
// Only `command` is needed. `args` and `id` are kept as the exact text that was given.
// To add a member: a field here, a row in request_line.cpp, a case in tests/lines_test.cpp.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::tools {

struct RequestLine {
  std::string command;
  std::string args = "{}";  // JSON text
  std::string id;           // JSON text; empty: not given
  std::string session;
  std::string label;
  std::string traceparent;
  std::optional<std::chrono::milliseconds> deadline;
  bool idempotent = false;
};

inline constexpr std::int64_t deadline_ms_max = 86'400'000;  // a day, as option call_timeout_ms

// Errors: invalid_arguments, naming what is wrong. `id` in `request` is set even then if the line
// had one that could be read, so that the outcome can be told apart.
[[nodiscard]] Result<void> parse_request_line(std::string_view text, RequestLine& request);

// Neither a request nor a mistake.
[[nodiscard]] bool is_blank(std::string_view line);

}  // namespace ordeal::pool::tools

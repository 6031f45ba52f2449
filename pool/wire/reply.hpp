// Replies: the envelope is judged, the result is handed through as text.
//
//     {"id":7,"success":true,"result":<any JSON>,"timestamp":...}
//     {"id":7,"success":false,"error":"text" or {"type":..,"message":..,"retryable":..,
//                                                "retry_after_ms":..,"traceback":..},
//      "timestamp":...}
//
// Rules:
//   * The body is one JSON object, valid to its last byte, and nothing behind it. In it, Python's
//     NaN, Infinity and -Infinity pass as values: whoever parses the result says
//     `unrepresentable_value`, and no worker is blamed. Nesting: at most 1024 levels.
//   * `id` is an integer from 0 to 2^64-1, `success` is a boolean. A success has a `result` (any
//     value, null too), a failure an `error` (string or object). What a success says as `error`,
//     a failure as `result`, and every other member is ignored.
//   * One of the four twice is malformed: no guess which of them was meant.
//   * An error object's members are taken where they have the right type, and ignored where not; if
//     it has no message, its whole text is the message.
//
// Invariant (15): any bytes whatever give a ReplyEnvelope or a WireError.
// Thread-safe. A success allocates nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::wire {

struct ReplyEnvelope {
  std::uint64_t id = 0;
  bool success = false;
  std::string_view result;                // with success: the exact text, a view into the body
  std::optional<ApplicationError> error;  // without, and then alone
};

// How the worker broke the protocol.
struct WireError {
  ErrorCode code = ErrorCode::none;
  std::string message;
  std::string excerpt;
};

// Errors: malformed_frame (not JSON), malformed_reply (JSON, and not a reply).
[[nodiscard]] tl::expected<ReplyEnvelope, WireError> decode_reply(std::string_view body);

}  // namespace ordeal::pool::wire

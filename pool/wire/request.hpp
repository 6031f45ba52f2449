// Requests as bytes: header and body in one buffer, so that one write sends both.
//
//     {"id":7,"command":"echo","args":{...},"timestamp":"2026-11-23T17:20:05.123Z",
//      "context":{"deadline_ms":250,"attempt":1,"label":..,"traceparent":..,"session":..}}
//
// Members, and their order, are DSPex's; `context` is Ordeal's, and goes only to workers that have
// negotiated it. All functions clear `out` and keep its capacity.
//
// Invariants (numbers of behaviour spec, part B):
//  (15) `args` reaches the worker byte for byte as given, but for the member that may be added.
//  (16) What cannot be encoded is an error here, before any worker is concerned; `out` is then
//       empty.
// Thread-safe: no shared state but a scratch for each thread. Allocation-free once `out` and the
// scratch have grown to the usual size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"
#include "pool/wire/handshake.hpp"

namespace ordeal::pool::wire {

// What a worker may want to know about a request. Members that are not set are not sent.
struct Context {
  std::optional<std::int64_t> deadline_ms;  // what is left, as of the moment of encoding
  std::uint32_t attempt = 0;                // 1 for the first; 0: not sent
  std::string_view label;
  std::string_view traceparent;
  std::string_view session;
};

struct Request {
  std::uint64_t id = 0;
  std::string_view command;
  std::string_view args = "{}";  // the text of a JSON object
  // Added to `args` as its last member, `session_id`, as DSPex does; empty: nothing is. Of two
  // members of one name Python takes the last, should `args` have one.
  std::string_view args_session;
  std::string_view timestamp;  // ISO 8601, UTC
  const Context* context = nullptr;
  bool args_trusted = false;   // args is known to be valid
  bool texts_trusted = false;  // all other texts are known to be UTF-8
};

// Errors: unencodable_arguments (command, timestamp, label, traceparent or a session is not UTF-8),
// invalid_arguments (args is not a JSON object), request_too_large (body above frame_bytes_max).
[[nodiscard]] Result<void> encode_request(std::string& out, const Request& request,
                                          std::uint32_t frame_bytes_max);

// What a worker may do beside answering, as often or as long as its host wants.
struct Pace {
  std::uint32_t heartbeat_ms = 0;  // with Capability::heartbeat
  std::uint32_t spin_us = 0;       // after a reply it may look for the next request; 0: not said
};

// The pool's start-up ping, id 0: says what the pool speaks, so that the worker may answer with
// what it speaks too (handshake.hpp).
[[nodiscard]] Result<void> encode_ping(std::string& out, std::string_view worker_id,
                                       Capabilities offered, std::string_view timestamp,
                                       Pace pace = {});

// To a worker with Capability::cancel, while it has request `id`. It is never answered: the answer
// is still the one reply to request `id`, whatever it says.
void encode_cancel(std::string& out, std::uint64_t id);

// Asks the worker to leave. `worker_id` as in the ping.
[[nodiscard]] Result<void> encode_shutdown(std::string& out, std::uint64_t id,
                                           std::string_view worker_id, std::string_view timestamp);

// Full validation, UTF-8 and the inside of every value included. Fails with invalid_arguments:
// "args must be a JSON object: a comma or a closing bracket is missing at byte 12". Refuses NaN
// and Infinity; accepts numbers of any size, and escaped lone surrogates.
[[nodiscard]] Result<void> validate_json_object(std::string_view text);

}  // namespace ordeal::pool::wire

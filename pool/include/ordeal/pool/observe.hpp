// Sinks for a pool: its events as JSON lines in a file, or as log lines.
//
//     auto sink = json_lines_sink("/var/log/pool-events.jsonl");
//     auto pool = Pool::start(options, {*sink});     // every event, from the first start on
//     auto logs = pool->subscribe(spdlog_sink(spdlog::default_logger()));   // from now on
//
// Neither holds a request's arguments or its result, unless the option log_payloads is true (then
// bounded excerpts of both); labels and traceparents are the caller's own words, cut off at
// observe_text_bytes_max. A logger's file is whoever made the logger's: its mode is theirs to set.
//
// Thread safety: a sink is made to be run by one pool's callback thread; give each pool its own.
//
// To add a sink: a file in pool/observe with a pure function from a PoolEvent to its output, a
// declaration here, and a test on given events with exact output.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/events.hpp"

namespace spdlog {
class logger;
}

namespace ordeal::pool {

// A label or traceparent is cut off here; so a line is never longer than observe_line_bytes_max
// (each byte may need six: "\u0000"; excerpts of payloads are short), line break not counted.
inline constexpr std::size_t observe_text_bytes_max = 256;
inline constexpr std::size_t observe_line_bytes_max = 5120;

// Appends one JSON object a line to the file `path`, made if it is not there. The file is its
// owner's alone (0600), also if it was there before with other permissions. Each line is one write
// of one O_APPEND descriptor, so several pools may share a file.
// Errors: invalid_option, naming the file and the reason, if it cannot be opened, belongs to
// another user, or is a pipe that nobody reads. A line that cannot be written later makes the sink
// throw: the pool counts it (Status::sink_failures), and the next line starts on a line of its own.
[[nodiscard]] Result<Sink> json_lines_sink(const std::string& path);

// One readable line for each event, its level by severity: requests and transitions that go well
// are `debug`, the pool's life is `info`, what only one request suffers is `warn` (severities
// warning and minor), what points at a worker is `error`, what stops the pool `critical`.
[[nodiscard]] Sink spdlog_sink(std::shared_ptr<spdlog::logger> logger);

// What json_lines_sink writes, without the line break. Members that are zero or empty are left out.
// `at_ns` is the steady clock's, for differences; `time` is the given wall-clock time, in UTC.
[[nodiscard]] std::string to_json_line(const PoolEvent& event,
                                       std::chrono::system_clock::time_point time);

}  // namespace ordeal::pool

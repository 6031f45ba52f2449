// The core's inputs and actions as text, one line each: what a run can be replayed from.
//
//     ordeal-trace 7 seed=7 emit=0 size=4 overflow=0 ... breaker=off
//     > 1000000000 submitted ticket=0:1 deadline=never idempotent=0 ... circuit=0:0
//     < grant ticket=0:1 worker=3:4 slot=0 attempt=1 affinity=none
//     = emit 1
//
// First the header, then for each handle_event its event (">", the instant in nanoseconds, name,
// fields) and the actions that it was answered with ("<"). "= emit" where set_emit was called.
// Ids are index:serial, durations nanoseconds, enumerators their names. Fields are those of
// fields(), all of them, in that order, so the same values always give the same bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>

#include "pool/core/action.hpp"
#include "pool/core/core.hpp"
#include "pool/core/event.hpp"

namespace ordeal::pool::core {

inline constexpr std::uint32_t trace_version = 9;

struct TraceHeader {
  CoreOptions options;
  std::uint64_t seed = 0;
  bool emit = false;
};
struct TracedEvent {
  Instant at{};
  Event event;
};
struct EmitSwitch {
  bool enabled = false;
};

// Each appends one whole line, its end included.
void write_header(std::string& out, const TraceHeader& header);
void write_event(std::string& out, Instant at, const Event& event);
void write_action(std::string& out, const Action& action);
void write_emit_switch(std::string& out, bool enabled);

enum class TraceErrorKind : std::uint8_t {
  not_a_trace,          // the first line is no header
  unsupported_version,  // a header of another version
  unknown_line,         // neither event nor action nor switch
  unknown_name,         // an event or action that this version does not know
  wrong_field,          // a field is missing, out of place, or not one of this event's
  wrong_value,          // a field's text is not a value of its type
  trailing_text,        // more than the last field
};

struct TraceError {
  TraceErrorKind kind{};
  std::uint64_t line = 0;  // from 1
  std::string message;     // "line 12: wrong_value: slot=abc"
};

using TraceLine = std::variant<TraceHeader, TracedEvent, Action, EmitSwitch>;

// Reads a trace line by line. REQUIRES: the text outlives the reader.
class TraceReader {
 public:
  explicit TraceReader(std::string_view text) : rest_(text) {}

  // The next line; nothing at the end. The first one is the header, or an error.
  [[nodiscard]] tl::expected<std::optional<TraceLine>, TraceError> next();
  [[nodiscard]] std::uint64_t line_number() const { return line_; }  // of the last one returned
  [[nodiscard]] std::string_view line() const { return text_; }      // its text, without the end

 private:
  std::string_view rest_;
  std::string_view text_;
  std::uint64_t line_ = 0;
};

}  // namespace ordeal::pool::core

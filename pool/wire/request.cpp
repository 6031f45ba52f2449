#include "pool/wire/request.hpp"

#include <simdjson.h>

#include <array>
#include <charconv>

#include "pool/wire/frame.hpp"
#include "pool/wire/json_scan.hpp"
#include "pool/wire/json_text.hpp"
#include "pool/wire/plain_json.hpp"

namespace ordeal::pool::wire {
namespace {

template <typename Integer>
void append_integer(std::string& out, Integer value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// Writes one frame, member by member, into a buffer that is kept from frame to frame.
class Writer {
 public:
  explicit Writer(std::string& out, bool trusted = false) : out_(out), trusted_(trusted) {
    out_.assign(header_bytes, '\0');
  }

  void raw(std::string_view text) { out_.append(text); }
  template <typename Integer>
  void integer(Integer value) {
    append_integer(out_, value);
  }
  // `name` is for the error.
  void text(std::string_view name, std::string_view value) {
    if (!trusted_ && !simdjson::validate_utf8(value.data(), value.size())) {
      if (!error_) error_ = not_utf8(name, value);
      return;
    }
    append_quoted(out_, value);
  }

  Result<void> finish() {
    if (error_) {
      out_.clear();
      return tl::make_unexpected(std::move(*error_));
    }
    store_length(out_.data(), static_cast<std::uint32_t>(out_.size() - header_bytes));
    return {};
  }

 private:
  static Error not_utf8(std::string_view name, std::string_view value) {
    Error error =
        make_error(ErrorCode::unencodable_arguments, std::string(name) + " is not UTF-8 at byte " +
                                                         std::to_string(valid_utf8_prefix(value)) +
                                                         " of " + std::to_string(value.size()));
    error.excerpt = excerpt(value);
    return error;
  }

  std::string& out_;
  bool trusted_;
  std::optional<Error> error_;
};

void write_context(Writer& writer, const Context& context) {
  std::string_view separator = ",\"context\":{";
  const auto next = [&](std::string_view key) {
    writer.raw(separator);
    writer.raw(key);
    separator = ",";
  };
  if (context.deadline_ms) {
    next("\"deadline_ms\":");
    writer.integer(*context.deadline_ms);
  }
  if (context.attempt > 0) {
    next("\"attempt\":");
    writer.integer(context.attempt);
  }
  if (!context.label.empty()) {
    next("\"label\":");
    writer.text("label", context.label);
  }
  if (!context.traceparent.empty()) {
    next("\"traceparent\":");
    writer.text("traceparent", context.traceparent);
  }
  if (!context.session.empty()) {
    next("\"session\":");
    writer.text("session", context.session);
  }
  if (separator == ",") writer.raw("}");
}

// The members of an object without its end, so that one more can follow.
std::string_view without_end(std::string_view object) {
  return object.substr(0, object.rfind('}'));
}

bool has_members(std::string_view unended) {
  return unended.find_last_not_of(" \t\n\r{") != std::string_view::npos;
}

Error too_large(std::size_t body_bytes, std::uint32_t frame_bytes_max) {
  return make_error(ErrorCode::request_too_large, "request of " + std::to_string(body_bytes) +
                                                      " bytes exceeds frame_bytes_max " +
                                                      std::to_string(frame_bytes_max));
}

}  // namespace

Result<void> encode_request(std::string& out, const Request& request,
                            std::uint32_t frame_bytes_max) {
  Writer writer(out, request.texts_trusted);
  writer.raw("{\"id\":");
  writer.integer(request.id);
  writer.raw(",\"command\":");
  writer.text("command", request.command);
  writer.raw(",\"args\":");
  const std::size_t args_at = out.size();
  std::string_view args = request.args;
  if (!request.args_session.empty()) {
    args = without_end(args);
    writer.raw(has_members(args) ? ",\"session_id\":" : "\"session_id\":");
    writer.text("session", request.args_session);
    writer.raw("}");
  }
  writer.raw(",\"timestamp\":");
  writer.text("timestamp", request.timestamp);
  if (request.context != nullptr) write_context(writer, *request.context);
  writer.raw("}");

  // The size is judged before the arguments are looked at or copied: they may be huge.
  const std::size_t body_bytes = out.size() - header_bytes + args.size();
  if (body_bytes > frame_bytes_max) {
    out.clear();
    return tl::make_unexpected(too_large(body_bytes, frame_bytes_max));
  }
  if (!request.args_trusted) {
    if (auto valid = validate_json_object(request.args); !valid) {
      out.clear();
      return valid;
    }
  }
  out.insert(args_at, args);
  return writer.finish();
}

Result<void> encode_ping(std::string& out, std::string_view worker_id, Capabilities offered,
                         std::string_view timestamp, Pace pace) {
  Writer writer(out);
  writer.raw(R"({"id":0,"command":"ping","args":{"initialization":true,"worker_id":)");
  writer.text("worker_id", worker_id);
  writer.raw(R"(,"ordeal":{"protocol":)");
  writer.integer(protocol_version);
  writer.raw(R"(,"capabilities":[)");
  std::string_view separator;
  for (std::size_t i = 0; i < capability_count; ++i) {
    const auto capability = static_cast<Capability>(i);
    if (!offered.has(capability)) continue;
    writer.raw(separator);
    writer.text("capability", to_string(capability));
    separator = ",";
  }
  writer.raw("]");
  if (offered.has(Capability::heartbeat)) {
    writer.raw(R"(,"heartbeat_ms":)");
    writer.integer(pace.heartbeat_ms);
  }
  if (pace.spin_us > 0) {
    writer.raw(R"(,"spin_us":)");
    writer.integer(pace.spin_us);
  }
  writer.raw(R"(}},"timestamp":)");
  writer.text("timestamp", timestamp);
  writer.raw("}");
  return writer.finish();
}

void encode_cancel(std::string& out, std::uint64_t id) {
  Writer writer(out);
  writer.raw("{\"id\":");
  writer.integer(id);
  writer.raw(R"(,"command":"$cancel","args":{}})");
  static_cast<void>(writer.finish());  // nothing in it can fail
}

Result<void> encode_shutdown(std::string& out, std::uint64_t id, std::string_view worker_id,
                             std::string_view timestamp) {
  Writer writer(out);
  writer.raw("{\"id\":");
  writer.integer(id);
  writer.raw(R"(,"command":"shutdown","args":{"worker_id":)");
  writer.text("worker_id", worker_id);
  writer.raw(R"(},"timestamp":)");
  writer.text("timestamp", timestamp);
  writer.raw("}");
  return writer.finish();
}

Result<void> validate_json_object(std::string_view text) {
  if (is_plainly_an_object(text)) return {};
  const auto invalid = [&](std::string_view what) {
    Error error = make_error(ErrorCode::invalid_arguments,
                             "args must be a JSON object: " + std::string(what));
    error.excerpt = excerpt(text);
    return tl::make_unexpected(std::move(error));
  };
  if (const auto flaw = scan_json(text, Constants::refused, nullptr, nullptr)) {
    return invalid(describe(*flaw));
  }
  const JsonKind kind = kind_of(text);
  if (kind != JsonKind::object) return invalid("it is " + std::string(to_string(kind)));
  return {};
}

}  // namespace ordeal::pool::wire

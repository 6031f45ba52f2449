#include "pool/wire/reply.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "pool/wire/json_scan.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::wire {
namespace {

// The four members that matter, as text; data() is null while one has not been seen.
struct Members {
  std::string_view id, success, result, error;
  std::string_view twice;

  void take(std::string_view key, std::string_view value) {
    std::string_view* member = key == "id"        ? &id
                               : key == "success" ? &success
                               : key == "result"  ? &result
                               : key == "error"   ? &error
                                                  : nullptr;
    if (member == nullptr) return;
    if (member->data() != nullptr && twice.data() == nullptr) twice = name_of(member);
    *member = value;
  }

 private:
  std::string_view name_of(const std::string_view* member) const {
    return member == &id        ? "id"
           : member == &success ? "success"
           : member == &result  ? "result"
                                : "error";
  }
};

std::optional<std::uint64_t> non_negative_integer(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A day at most: a worker that names more is not waited for anyway.
std::optional<std::chrono::milliseconds> milliseconds_of(std::string_view text) {
  constexpr std::uint64_t a_day = 86'400'000;
  const auto number = non_negative_integer(text);
  if (!number) return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(std::min(*number, a_day))};
}

bool is_string(std::string_view text) { return text.front() == '"'; }

std::string string_of(std::string_view text) { return unescaped(text.substr(1, text.size() - 2)); }

// REQUIRES: `text` is an object or a string.
ApplicationError application_error(std::string_view text) {
  ApplicationError error;
  if (is_string(text)) {
    error.message = string_of(text);
    return error;
  }
  bool has_message = false;
  const auto take = [&](std::string_view key, std::string_view value) {
    if (key == "retryable" && kind_of(value) == JsonKind::boolean)
      error.retryable = value == "true";
    if (key == "retry_after_ms") error.retry_after = milliseconds_of(value);
    if (!is_string(value)) return;
    if (key == "type") error.type = string_of(value);
    if (key == "traceback") error.traceback = string_of(value);
    if (key == "message") {
      error.message = string_of(value);
      has_message = true;
    }
  };
  static_cast<void>(scan_members(text, Constants::passed, take));  // no flaw: scanned before
  if (!has_message) error.message = text;
  return error;
}

// What is wrong with a reply, in words; empty if nothing is.
std::string flaw_of(const Members& members, std::optional<std::uint64_t> id) {
  const auto missing = [](std::string_view member) { return member.data() == nullptr; };
  if (!missing(members.twice))
    return "reply has the member " + std::string(members.twice) + " twice";
  if (missing(members.id)) return "reply has no id";
  if (!id) {
    return "reply's id must be an integer from 0 to 18446744073709551615, not " +
           excerpt(members.id);
  }
  const std::string reply = "reply " + std::to_string(*id);
  if (missing(members.success)) return reply + " has no success";
  if (kind_of(members.success) != JsonKind::boolean) {
    return reply + "'s success must be true or false, not " + excerpt(members.success);
  }
  if (members.success == "true") {
    return missing(members.result) ? reply + " is a success without a result" : "";
  }
  if (missing(members.error)) return reply + " is a failure without an error";
  const JsonKind kind = kind_of(members.error);
  if (kind == JsonKind::string || kind == JsonKind::object) return "";
  return reply + "'s error must be a string or an object, not " + std::string(to_string(kind));
}

tl::unexpected<WireError> wrong(ErrorCode code, std::string message, std::string_view body) {
  return tl::make_unexpected(WireError{code, std::move(message), excerpt(body)});
}

}  // namespace

tl::expected<ReplyEnvelope, WireError> decode_reply(std::string_view body) {
  Members members;
  const auto flaw =
      scan_members(body, Constants::passed,
                   [&](std::string_view key, std::string_view value) { members.take(key, value); });
  if (flaw) {
    return wrong(
        ErrorCode::malformed_frame,
        "frame of " + std::to_string(body.size()) + " bytes is not JSON: " + describe(*flaw), body);
  }
  if (const JsonKind kind = kind_of(body); kind != JsonKind::object) {
    return wrong(ErrorCode::malformed_reply,
                 "reply must be an object, not " + std::string(to_string(kind)), body);
  }
  const auto id = non_negative_integer(members.id);
  const bool shape_is_right = id && members.twice.data() == nullptr && members.success == "true" &&
                              members.result.data() != nullptr;
  if (!shape_is_right) {
    if (std::string what = flaw_of(members, id); !what.empty()) {
      return wrong(ErrorCode::malformed_reply, std::move(what), body);
    }
  }
  ReplyEnvelope reply;
  reply.id = *id;
  reply.success = members.success == "true";
  if (reply.success) {
    reply.result = members.result;
  } else {
    reply.error = application_error(members.error);
  }
  return reply;
}

}  // namespace ordeal::pool::wire

// The values of a trace's fields as text, and back. Only trace.cpp includes it.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <tuple>

#include "pool/core/core.hpp"
#include "pool/core/names.hpp"

namespace ordeal::pool::core::trace {

// Values as text.

template <std::integral T>
void write_value(std::string& out, T value) {
  char digits[24];  // the longest: 20 digits and a sign
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}
inline void write_value(std::string& out, bool value) { out += value ? '1' : '0'; }
inline void write_value(std::string& out, Duration value) { write_value(out, value.count()); }
inline void write_value(std::string& out, ErrorCode value) { out += to_string(value); }
inline void write_value(std::string& out, Instant value) {
  if (value == never) {
    out += "never";
  } else {
    write_value(out, value.time_since_epoch());
  }
}
template <typename Id>
requires std::same_as<Id, TicketId> || std::same_as<Id, WorkerId> || std::same_as<Id, CircuitId>
void write_value(std::string& out, Id id) {
  write_value(out, id.index);
  out += ':';
  write_value(out, id.serial);
}
template <typename E>
requires std::is_enum_v<E>
void write_value(std::string& out, E value) { out += name_of(value); }

// "off", or max_retries:backoff:jitter_percent:base_delay:max_delay, then each delay of `delays`.
inline void write_value(std::string& out, const RetryPolicy& policy) {
  if (policy.max_retries == 0) {
    out += "off";
    return;
  }
  write_value(out, policy.max_retries);
  out += ':';
  write_value(out, policy.backoff);
  out += ':';
  write_value(out, policy.jitter_percent);
  out += ':';
  write_value(out, policy.base_delay);
  out += ':';
  write_value(out, policy.max_delay);
  for (std::uint32_t i = 1; i <= std::min(policy.delays.size(), DelayTable::size_max); ++i) {
    out += ':';
    write_value(out, policy.delays.at(i));
  }
}

// A struct inside a line: "off" if it has an `enabled` that is false, else its members in order.
template <typename Struct>
requires requires { Struct::fields(); }
void write_value(std::string& out, const Struct& value) {
  if constexpr (requires { value.enabled; }) {
    if (!value.enabled) {
      out += "off";
      return;
    }
  }
  bool first = true;
  const auto write_one = [&](const auto& field) {
    if (!first) out += ':';
    first = false;
    write_value(out, value.*field.member);
  };
  std::apply([&](const auto&... field) { (write_one(field), ...); }, Struct::fields());
}

// Text as values. Each takes the whole text or fails.

template <std::integral T>
bool read_value(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}
inline bool read_value(std::string_view text, bool& value) {
  value = text == "1";
  return value || text == "0";
}
inline bool read_value(std::string_view text, Duration& value) {
  Duration::rep count = 0;
  if (!read_value(text, count)) return false;
  value = Duration{count};
  return true;
}
inline bool read_value(std::string_view text, Instant& value) {
  Duration since_epoch{};
  if (text == "never") {
    value = never;
    return true;
  }
  if (!read_value(text, since_epoch)) return false;
  value = Instant{since_epoch};
  return value != never;
}
inline bool read_value(std::string_view text, ErrorCode& value) {
  for (std::uint8_t i = 0; i < error_code_count; ++i) {
    value = static_cast<ErrorCode>(i);
    if (to_string(value) == text) return true;
  }
  return false;
}
template <typename Id>
requires std::same_as<Id, TicketId> || std::same_as<Id, WorkerId> || std::same_as<Id, CircuitId>
bool read_value(std::string_view text, Id& id) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos && read_value(text.substr(0, colon), id.index) &&
         read_value(text.substr(colon + 1), id.serial);
}
template <typename E>
requires std::is_enum_v<E>
bool read_value(std::string_view text, E& value) {
  const auto found = value_of<E>(text);
  if (found) value = *found;
  return found.has_value();
}

// Up to the next colon, which is taken too.
inline std::string_view take_part(std::string_view& text) {
  const auto colon = std::min(text.find(':'), text.size());
  const std::string_view first = text.substr(0, colon);
  text.remove_prefix(std::min(colon + 1, text.size()));
  return first;
}

inline bool read_value(std::string_view text, RetryPolicy& policy) {
  policy = {};
  if (text == "off") return true;
  const auto part = [&text] { return take_part(text); };
  if (!read_value(part(), policy.max_retries) || policy.max_retries == 0 ||
      !read_value(part(), policy.backoff) || !read_value(part(), policy.jitter_percent) ||
      !read_value(part(), policy.base_delay) || !read_value(part(), policy.max_delay)) {
    return false;
  }
  while (!text.empty()) {
    Duration delay{};
    if (!read_value(part(), delay)) return false;
    policy.delays.add(delay);
  }
  return policy.delays.size() <= DelayTable::size_max;
}

template <typename Struct>
requires requires { Struct::fields(); }
bool read_value(std::string_view text, Struct& value) {
  value = {};
  if constexpr (requires { value.enabled; }) {
    if (text == "off") return true;
  }
  bool fine = true;
  const auto read_one = [&](const auto& field) {
    fine = fine && read_value(take_part(text), value.*field.member);
  };
  std::apply([&](const auto&... field) { (read_one(field), ...); }, Struct::fields());
  return fine && text.empty();
}

}  // namespace ordeal::pool::core::trace

#include "pool/core/trace.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>

#include "pool/core/names.hpp"

namespace ordeal::pool::core {
namespace {

// Values as text.

template <std::integral T>
void write_value(std::string& out, T value) {
  char digits[24];  // the longest: 20 digits and a sign
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}
void write_value(std::string& out, bool value) { out += value ? '1' : '0'; }
void write_value(std::string& out, Duration value) { write_value(out, value.count()); }
void write_value(std::string& out, ErrorCode value) { out += to_string(value); }
void write_value(std::string& out, Instant value) {
  if (value == never) {
    out += "never";
  } else {
    write_value(out, value.time_since_epoch());
  }
}
template <typename Id>
requires std::same_as<Id, TicketId> || std::same_as<Id, WorkerId>
void write_value(std::string& out, Id id) {
  write_value(out, id.index);
  out += ':';
  write_value(out, id.serial);
}
template <typename E>
requires std::is_enum_v<E>
void write_value(std::string& out, E value) { out += name_of(value); }

// "off", or max_retries:backoff:jitter_percent:base_delay:max_delay, then each delay of `delays`.
void write_value(std::string& out, const RetryPolicy& policy) {
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

template <typename Struct>
void write_fields(std::string& out, const Struct& value) {
  const auto write_one = [&](const auto& field) {
    out += ' ';
    out += field.name;
    out += '=';
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
bool read_value(std::string_view text, bool& value) {
  value = text == "1";
  return value || text == "0";
}
bool read_value(std::string_view text, Duration& value) {
  Duration::rep count = 0;
  if (!read_value(text, count)) return false;
  value = Duration{count};
  return true;
}
bool read_value(std::string_view text, Instant& value) {
  Duration since_epoch{};
  if (text == "never") {
    value = never;
    return true;
  }
  if (!read_value(text, since_epoch)) return false;
  value = Instant{since_epoch};
  return value != never;
}
bool read_value(std::string_view text, ErrorCode& value) {
  for (std::uint8_t i = 0; i < error_code_count; ++i) {
    value = static_cast<ErrorCode>(i);
    if (to_string(value) == text) return true;
  }
  return false;
}
template <typename Id>
requires std::same_as<Id, TicketId> || std::same_as<Id, WorkerId>
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

bool read_value(std::string_view text, RetryPolicy& policy) {
  policy = {};
  if (text == "off") return true;
  const auto part = [&text] {
    const auto colon = std::min(text.find(':'), text.size());
    const std::string_view first = text.substr(0, colon);
    text.remove_prefix(std::min(colon + 1, text.size()));
    return first;
  };
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

// A line, word by word, and what was wrong with it.
struct Words {
  std::string_view rest;
  std::optional<TraceErrorKind> error;
  std::string_view culprit;

  std::string_view take() {
    const auto space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
    return word;
  }
  void fail(TraceErrorKind kind, std::string_view word) {
    if (error) return;
    error = kind;
    culprit = word;
  }
};

template <typename T>
void read_named(Words& words, std::string_view name, T& value) {
  if (words.error) return;
  const std::string_view word = words.take();
  const bool named =
      word.substr(0, name.size()) == name && word.size() > name.size() && word[name.size()] == '=';
  if (!named) return words.fail(TraceErrorKind::wrong_field, word.empty() ? name : word);
  if (!read_value(word.substr(name.size() + 1), value)) {
    words.fail(TraceErrorKind::wrong_value, word);
  }
}

template <typename Struct>
void read_fields(Words& words, Struct& value) {
  std::apply(
      [&](const auto&... field) { (read_named(words, field.name, value.*field.member), ...); },
      Struct::fields());
  if (!words.error && !words.rest.empty()) words.fail(TraceErrorKind::trailing_text, words.rest);
}

// The alternative of the variant whose name is the next word.
template <typename Variant, std::size_t... I>
Variant read_alternative(Words& words, std::index_sequence<I...>) {
  const std::string_view name = words.take();
  Variant result;
  bool known = false;
  const auto try_one = [&](auto alternative) {
    if (known || name != decltype(alternative)::name) return;
    known = true;
    read_fields(words, alternative);
    result = alternative;
  };
  (try_one(std::variant_alternative_t<I, Variant>{}), ...);
  if (!known) words.fail(TraceErrorKind::unknown_name, name);
  return result;
}
template <typename Variant>
Variant read_alternative(Words& words) {
  return read_alternative<Variant>(words, std::make_index_sequence<std::variant_size_v<Variant>>{});
}

TraceLine read_header(Words& words) {
  TraceHeader header;
  if (words.take() != "ordeal-trace") {
    words.fail(TraceErrorKind::not_a_trace, "the first line is not an ordeal-trace header");
    return header;
  }
  const std::string_view version = words.take();
  std::uint32_t number = 0;
  if (!read_value(version, number) || number != trace_version) {
    words.fail(TraceErrorKind::unsupported_version, version);
  }
  read_named(words, "seed", header.seed);
  read_named(words, "emit", header.emit);
  read_fields(words, header.options);
  return header;
}

TraceLine read_line(Words& words) {
  const std::string_view mark = words.take();
  if (mark == ">") {
    TracedEvent traced;
    const std::string_view at = words.take();
    if (!read_value(at, traced.at)) words.fail(TraceErrorKind::wrong_value, at);
    traced.event = read_alternative<Event>(words);
    return traced;
  }
  if (mark == "<") return read_alternative<Action>(words);
  EmitSwitch switched;
  if (mark != "=" || words.take() != "emit") {
    words.fail(TraceErrorKind::unknown_line, mark);
  } else if (!read_value(words.rest, switched.enabled)) {
    words.fail(TraceErrorKind::wrong_value, words.rest);
  }
  return switched;
}

// In the enum's order.
constexpr std::array<std::string_view, 7> error_names{
    "not_a_trace", "unsupported_version", "unknown_line", "unknown_name",
    "wrong_field", "wrong_value",         "trailing_text"};
static_assert(covers(error_names, TraceErrorKind::trailing_text));

}  // namespace

void write_header(std::string& out, const TraceHeader& header) {
  out += "ordeal-trace ";
  write_value(out, trace_version);
  out += " seed=";
  write_value(out, header.seed);
  out += " emit=";
  write_value(out, header.emit);
  write_fields(out, header.options);
  out += '\n';
}

void write_event(std::string& out, Instant at, const Event& event) {
  out += "> ";
  write_value(out, at);
  out += ' ';
  std::visit(
      [&](const auto& e) {
        out += e.name;
        write_fields(out, e);
      },
      event);
  out += '\n';
}

void write_action(std::string& out, const Action& action) {
  out += "< ";
  std::visit(
      [&](const auto& a) {
        out += a.name;
        write_fields(out, a);
      },
      action);
  out += '\n';
}

void write_emit_switch(std::string& out, bool enabled) {
  out += enabled ? "= emit 1\n" : "= emit 0\n";
}

tl::expected<std::optional<TraceLine>, TraceError> TraceReader::next() {
  if (rest_.empty() && line_ > 0) return std::optional<TraceLine>{};
  const auto end = rest_.find('\n');
  text_ = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  ++line_;
  Words words{text_, std::nullopt, {}};
  TraceLine line = line_ == 1 ? read_header(words) : read_line(words);
  if (!words.error) return std::optional<TraceLine>{line};
  TraceError error{*words.error, line_, "line "};
  write_value(error.message, line_);
  error.message += ": ";
  error.message += error_names[static_cast<std::size_t>(*words.error)];
  error.message += ": ";
  error.message += words.culprit;
  return tl::make_unexpected(std::move(error));
}

}  // namespace ordeal::pool::core

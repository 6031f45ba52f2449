#include "pool/core/trace.hpp"

#include <array>

#include "pool/core/names.hpp"
#include "pool/core/trace_values.hpp"

namespace ordeal::pool::core {
namespace {

using trace::read_value;
using trace::write_value;

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

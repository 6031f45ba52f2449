// What may stand in an option, and how values look in messages and in TOML.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <numeric>

#include "pool/options/table.hpp"

namespace ordeal::pool::options {
namespace {

// Enough to recognise a value in a message; a whole megabyte of it helps nobody.
constexpr std::size_t excerpt_bytes_max = 80;

using Problem = std::optional<std::string>;

Problem check_length(const Descriptor& option, std::size_t length, std::string_view what) {
  if (std::cmp_greater_equal(length, option.min) && std::cmp_less_equal(length, option.max))
    return {};
  return fmt::format("{} {}, allowed {} to {}", length, what, option.min, option.max);
}

// All text ends up as an argument, a path or an environment entry, or is printed as TOML.
Problem check_characters(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return fmt::format("{} holds a NUL byte", in_quotes(text, excerpt_bytes_max));
  if (!simdjson::validate_utf8(text.data(), text.size()))
    return fmt::format("{} is not UTF-8", in_quotes(text, excerpt_bytes_max));
  return {};
}

Problem check_variable_name(std::string_view name) {
  if (name.empty()) return "the name of an environment variable is empty";
  if (name.find('=') != std::string_view::npos)
    return fmt::format("{} is not the name of an environment variable, it holds \"=\"",
                       in_quotes(name, excerpt_bytes_max));
  return {};
}

struct Checker {
  const Descriptor& option;

  Problem operator()(std::monostate) const { return {}; }
  Problem operator()(bool) const { return {}; }
  Problem operator()(std::int64_t number) const { return in_range(number); }
  Problem operator()(std::uint64_t number) const {
    if (option.kind == Kind::seed) return {};
    return in_range(number);
  }
  Problem operator()(const std::string& text) const {
    if (option.kind == Kind::choice) {
      if (std::ranges::find(option.choices, text) != option.choices.end()) return {};
      return fmt::format("{} is not one of {}", in_quotes(text, excerpt_bytes_max),
                         fmt::join(option.choices, ", "));
    }
    if (auto problem = check_length(option, text.size(), "bytes")) return problem;
    return check_characters(text);
  }
  Problem operator()(const List& list) const {
    if (auto problem = check_length(option, list.size(), "strings")) return problem;
    for (const std::string& text : list) {
      if (auto problem = check_characters(text)) return problem;
      if (!option.names) continue;
      if (auto problem = check_variable_name(text)) return problem;
    }
    return {};
  }
  Problem operator()(const Numbers& numbers) const {
    if (numbers.size() > numbers_max)
      return fmt::format("{} numbers, allowed 0 to {}", numbers.size(), numbers_max);
    for (const std::int64_t number : numbers) {
      if (auto problem = in_range(number)) return problem;
    }
    return {};
  }
  Problem operator()(const Table& table) const {
    if (auto problem = check_length(option, table.size(), "entries")) return problem;
    for (const auto& [key, text] : table) {
      if (auto problem = check_characters(key)) return problem;
      if (auto problem = check_characters(text)) return problem;
      if (auto problem = check_variable_name(key)) return problem;
    }
    return {};
  }

 private:
  Problem in_range(auto number) const {
    if (std::cmp_greater_equal(number, option.min) && std::cmp_less_equal(number, option.max))
      return {};
    return fmt::format("{} is out of range, allowed {} to {}", number, option.min, option.max);
  }
};

// Levenshtein's distance: one row of the table, walked once for each letter of `left`.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<Error> check(const Descriptor& option, const Value& value) {
  if (auto problem = std::visit(Checker{option}, value))
    return make_error(ErrorCode::invalid_option,
                      fmt::format("option {}: {}", option.name, *problem));
  return {};
}

Result<void> assign(Options& options, const Descriptor& option, const Value& value) {
  if (auto error = check(option, value)) return tl::unexpected(std::move(*error));
  option.set(options, value);
  return {};
}

Error unknown_option(std::string_view name) {
  std::string message = fmt::format("unknown option {}", in_quotes(name, excerpt_bytes_max));
  // A third of the name may be wrong: finds swapped letters, a forgotten unit, a missing word.
  std::size_t best = std::max<std::size_t>(2, name.size() / 3) + 1;
  std::string_view nearest;
  if (name.size() <= excerpt_bytes_max) {
    for (const Descriptor& row : descriptors()) {
      const std::size_t distance = edit_distance(name, row.name);
      if (distance >= best) continue;
      best = distance;
      nearest = row.name;
    }
  }
  if (!nearest.empty()) message += fmt::format(", did you mean {}?", nearest);
  return make_error(ErrorCode::invalid_option, std::move(message));
}

std::string in_quotes(std::string_view text, std::size_t bytes_max) {
  const bool cut = text.size() > bytes_max;
  std::string out = "\"";
  for (const char letter : text.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\')
      out += {'\\', letter};
    else if (letter == '\n')
      out += "\\n";
    else if (letter == '\t')
      out += "\\t";
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\u{:04X}", byte);
    else
      out += letter;
  }
  out += '"';
  if (cut) out += "...";
  return out;
}

std::string to_text(const Value& value) {
  struct Writer {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    // TOML's integers end at int64's; a seed beyond travels as a string.
    std::string operator()(std::uint64_t number) const {
      if (std::in_range<std::int64_t>(number)) return std::to_string(number);
      return in_quotes(std::to_string(number));
    }
    std::string operator()(const std::string& text) const { return in_quotes(text); }
    std::string operator()(const List& list) const {
      std::string out;
      for (const std::string& text : list) out += (out.empty() ? "" : ", ") + in_quotes(text);
      return "[" + out + "]";
    }
    std::string operator()(const Numbers& numbers) const {
      return fmt::format("[{}]", fmt::join(numbers, ", "));
    }
    std::string operator()(const Table& table) const {
      std::string out;
      for (const auto& [key, text] : table)
        out += (out.empty() ? "" : ", ") + in_quotes(key) + " = " + in_quotes(text);
      return out.empty() ? "{}" : "{ " + out + " }";
    }
  };
  return std::visit(Writer{}, value);
}

}  // namespace ordeal::pool::options

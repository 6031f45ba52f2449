// Reading options: from a TOML file and from a command line's text. The only user of toml++ here.
#include <fmt/format.h>

#include <toml++/toml.h>
#include <charconv>

#include "pool/options/table.hpp"

namespace ordeal::pool {
namespace {

using options::Descriptor;
using options::Kind;
using options::List;
using options::Numbers;
using options::Table;
using options::Value;

// A file of all options is 2 KiB; this much only comes from the wrong file.
constexpr std::size_t text_bytes_max = 1 << 20;

tl::unexpected<Error> refused(std::string message) {
  return tl::unexpected(make_error(ErrorCode::invalid_option, std::move(message)));
}

std::string_view wanted(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "an integer";
    case Kind::seed:
      return "an integer of 0 or more";
    case Kind::text:
    case Kind::choice:
      return "a string";
    case Kind::list:
      return "a list of strings";
    case Kind::numbers:
      return "a list of integers";
    case Kind::table:
      return "a table of strings";
  }
  return {};
}

std::string_view found(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  Integer number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

std::optional<Value> seed_from(const toml::node& node) {
  std::optional<std::uint64_t> seed;
  if (const auto* number = node.as_integer(); number != nullptr && number->get() >= 0)
    seed = static_cast<std::uint64_t>(number->get());
  else if (const auto* text = node.as_string())
    seed = parse_integer<std::uint64_t>(text->get());
  if (!seed) return {};
  return Value{*seed};
}

// In place: gcc 12 takes a moved-from temporary Value for uninitialised.
template <typename T>
std::optional<Value> made(T value) {
  return std::optional<Value>{std::in_place, std::in_place_type<T>, std::move(value)};
}

// The node as the option's kind of value; empty if it is of another type.
std::optional<Value> value_from(const Descriptor& option, const toml::node& node) {
  switch (option.kind) {
    case Kind::boolean:
      if (const auto* flag = node.as_boolean()) return Value{flag->get()};
      return {};
    case Kind::integer:
      if (const auto* number = node.as_integer()) return Value{number->get()};
      return {};
    case Kind::seed:
      return seed_from(node);
    case Kind::text:
    case Kind::choice:
      if (const auto* text = node.as_string()) return Value{text->get()};
      return {};
    case Kind::list: {
      if (!node.is_array()) return {};
      List list;
      for (const toml::node& item : *node.as_array()) {
        if (!item.is_string()) return {};
        list.push_back(item.as_string()->get());
      }
      return made<List>(std::move(list));
    }
    case Kind::numbers: {
      if (!node.is_array()) return {};
      Numbers numbers;
      for (const toml::node& item : *node.as_array()) {
        if (!item.is_integer()) return {};
        numbers.push_back(item.as_integer()->get());
      }
      return made<Numbers>(std::move(numbers));
    }
    case Kind::table: {
      if (!node.is_table()) return {};
      Table table;
      for (const auto& [key, item] : *node.as_table()) {
        if (!item.is_string()) return {};
        table.emplace(key.str(), item.as_string()->get());
      }
      return made<Table>(std::move(table));
    }
  }
  return {};
}

Result<void> read_node(Options& options, const Descriptor& option, const toml::node& node) {
  const std::optional<Value> value = value_from(option, node);
  if (!value)
    return refused(fmt::format("option {}: expected {}, found {}", option.name, wanted(option.kind),
                               found(node)));
  return options::assign(options, option, *value);
}

// A table that is not itself an option holds options with its name in front: [retry] max_retries.
Result<void> read_table(Options& options, const toml::table& table, const std::string& prefix,
                        std::string_view file_name) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string{key.str()};
    Result<void> done;
    if (const Descriptor* option = options::find(name)) {
      done = read_node(options, *option, node);
    } else if (node.is_table() && prefix.empty() && !node.as_table()->empty()) {
      done = read_table(options, *node.as_table(), name + ".", file_name);
      if (!done) return done;
    } else {
      done = tl::unexpected(options::unknown_option(name));
    }
    if (done) continue;
    const auto line = key.source().begin ? key.source().begin.line : node.source().begin.line;
    done.error().message = fmt::format("{}:{}: {}", file_name, line, done.error().message);
    return done;
  }
  return {};
}

// The text of `--set`, for kinds that are not one TOML value: bare words, and seeds beyond int64.
Result<Value> value_of_text(const Descriptor& option, std::string_view text) {
  const auto wrong = [&] {
    return refused(fmt::format("option {}: expected {}, found {}", option.name, wanted(option.kind),
                               options::in_quotes(text, 80)));
  };
  switch (option.kind) {
    case Kind::boolean:
      if (text == "true") return Value{true};
      if (text == "false") return Value{false};
      return wrong();
    case Kind::integer:
      if (const auto number = parse_integer<std::int64_t>(text)) return Value{*number};
      return wrong();
    case Kind::seed:
      if (const auto number = parse_integer<std::uint64_t>(text)) return Value{*number};
      return wrong();
    case Kind::text:
    case Kind::choice:
      return Value{std::string{text}};
    case Kind::list:
    case Kind::numbers:
    case Kind::table:
      break;
  }
  try {
    const toml::table document = toml::parse("value = " + std::string{text});
    if (document.size() == 1)
      if (auto value = value_from(option, *document.get("value"))) return *std::move(value);
  } catch (const toml::parse_error&) {
    // Said below, with what would have been right.
  }
  return wrong();
}

}  // namespace

Result<Options> options_from_toml(std::string_view text, std::string_view file_name) {
  if (text.size() > text_bytes_max)
    return refused(fmt::format("{}: {} bytes are too long for a file of options, allowed {}",
                               file_name, text.size(), text_bytes_max));
  Options options;
  try {
    const toml::table document = toml::parse(text);
    if (auto done = read_table(options, document, "", file_name); !done)
      return tl::unexpected(std::move(done.error()));
  } catch (const toml::parse_error& error) {
    return refused(fmt::format("{}:{}: not TOML: {}", file_name, error.source().begin.line,
                               error.description()));
  }
  return options;
}

Result<void> set_option(Options& options, std::string_view name, std::string_view text) {
  constexpr std::string_view variable = "environment.";
  if (name.starts_with(variable)) {
    Table table = options.environment;
    table[std::string{name.substr(variable.size())}] = text;
    return options::assign(options, *options::find("environment"), table);
  }
  const Descriptor* option = options::find(name);
  if (option == nullptr) return tl::unexpected(options::unknown_option(name));
  auto value = value_of_text(*option, text);
  if (!value) return tl::unexpected(std::move(value.error()));
  return options::assign(options, *option, *value);
}

}  // namespace ordeal::pool

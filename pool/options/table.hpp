// The table of options: what validate(), TOML, --set, printing and the README's list are made from.
//
// A Value is an option's value without its type's name: all readers turn their text into Values,
// and assign() is the only way from a Value into Options. So a range is checked before anything
// narrows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ordeal/pool/options.hpp"

namespace ordeal::pool::options {

enum class Kind : std::uint8_t {
  boolean,  // bool
  integer,  // int64; or uint64, for what a member holds beyond int64
  seed,     // monostate (not given) or uint64
  text,     // string, `min` to `max` bytes of UTF-8
  choice,   // string, one of `choices`
  list,     // strings, `min` to `max` of them
  numbers,  // int64s, at most numbers_max of them, each `min` to `max`
  table,    // name = string, `min` to `max` of them
};

using List = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;
inline constexpr std::size_t numbers_max = DelayTable::size_max;
using Table = std::map<std::string, std::string>;
using Value = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, std::string, List,
                           Numbers, Table>;

struct Descriptor {
  std::string_view name;
  Kind kind;
  std::string_view unit;  // "ms", "us", "bytes" or empty
  std::int64_t min;       // of the number; of the length of texts, lists and tables
  std::int64_t max;
  std::span<const std::string_view> choices;
  bool names;  // its strings (of tables: its keys) are names of environment variables
  Value (*get)(const Options&);
  void (*set)(Options&, const Value&);  // REQUIRES: the value passed check()
  std::string_view doc;
};

// In the order of options.hpp.
[[nodiscard]] std::span<const Descriptor> descriptors();
[[nodiscard]] const Descriptor* find(std::string_view name);

// What is wrong with the value by itself, or nothing.
[[nodiscard]] std::optional<Error> check(const Descriptor& option, const Value& value);
// check(), then set. On error nothing changed.
[[nodiscard]] Result<void> assign(Options& options, const Descriptor& option, const Value& value);

// "unknown option queue_mx, did you mean queue_max?"
[[nodiscard]] Error unknown_option(std::string_view name);

// As TOML. REQUIRES: check() is happy with it, and it is not monostate.
[[nodiscard]] std::string to_text(const Value& value);
// In double quotes, escaped as TOML asks; `bytes_max`: cut there, for messages.
[[nodiscard]] std::string in_quotes(std::string_view text, std::size_t bytes_max = SIZE_MAX);

}  // namespace ordeal::pool::options

// Reads tables of a TOML file, notes the first error with file and line, and refuses what nobody
// asked for: finish().
#pragma once

#include <toml++/toml.h>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <chrono>
#include <optional>

namespace ordeal::trial {

class TomlReader {
 public:
  TomlReader(const toml::table* table, std::string name, std::string_view file, std::string& error)
      : table_(table), name_(std::move(name)), file_(file), error_(error) {}

  // True if it was there (and is out of bounds only with an error noted).
  bool integer(std::string_view key, std::int64_t& out, std::int64_t min, std::int64_t max);
  template <typename Integer>
  bool number(std::string_view key, Integer& out, std::int64_t min, std::int64_t max) {
    auto value = static_cast<std::int64_t>(out);
    const bool there = integer(key, value, min, max);
    out = static_cast<Integer>(value);
    return there;
  }
  bool duration(std::string_view key, std::chrono::milliseconds& out, std::int64_t min = 0);
  void flag(std::string_view key, bool& out);
  void real(std::string_view key, std::optional<double>& out);
  // `take` returns a complaint, or nothing.
  using Take = std::function<std::string(const std::string&)>;
  void text(std::string_view key, const Take& take);
  void texts(std::string_view key, const Take& take);
  void require(std::string_view key);

  [[nodiscard]] bool there() const { return table_ != nullptr; }
  [[nodiscard]] TomlReader table(std::string_view key);
  [[nodiscard]] std::vector<TomlReader> tables(std::string_view key);  // [[key]]
  // Every member of this table, each read as an integer: {name, value}.
  [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> all_integers();
  // Every member of this table as text; texts without their quotes, members of tables in it as
  // table.member. `take` returns a complaint, or nothing.
  using TakeMember = std::function<std::string(const std::string& key, const std::string& text)>;
  void all(const TakeMember& take);
  // Refuses with the line of this table.
  void refuse(const std::string& message);
  void finish();

 private:
  const toml::node* find(std::string_view key);
  void take_member(const toml::node& node, const std::string& key, const TakeMember& take);
  void take_text(const toml::node& node, std::string_view key, const Take& take);
  void fail(const toml::node& node, const std::string& message);

  const toml::table* table_;
  std::string name_;
  std::string_view file_;
  std::string& error_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace ordeal::trial

#include "testing/toml/toml_reader.hpp"

#include <fmt/format.h>

#include <sstream>

namespace ordeal::trial {
namespace {

constexpr std::int64_t ms_max = 3'600'000;

}  // namespace

bool TomlReader::integer(std::string_view key, std::int64_t& out, std::int64_t min,
                         std::int64_t max) {
  const toml::node* node = find(key);
  if (node == nullptr) return false;
  // Not value<std::int64_t>(): that casts a number like 1e50, which is undefined.
  const toml::value<std::int64_t>* value = node->as_integer();
  if (value == nullptr || value->get() < min || value->get() > max) {
    fail(*node, fmt::format("{}{}: an integer from {} to {} is wanted", name_, key, min, max));
  } else {
    out = value->get();
  }
  return true;
}

bool TomlReader::duration(std::string_view key, std::chrono::milliseconds& out, std::int64_t min) {
  std::int64_t count = out.count();
  const bool there = integer(key, count, min, ms_max);
  out = std::chrono::milliseconds{count};
  return there;
}

void TomlReader::flag(std::string_view key, bool& out) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (!node->is_boolean()) return fail(*node, fmt::format("{}{}: true or false", name_, key));
  out = *node->value<bool>();
}

void TomlReader::real(std::string_view key, std::optional<double>& out) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (!node->is_number()) return fail(*node, fmt::format("{}{}: a number is wanted", name_, key));
  out = node->value<double>();
}

void TomlReader::text(std::string_view key, const Take& take) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (!node->is_string()) return fail(*node, fmt::format("{}{}: text is wanted", name_, key));
  take_text(*node, key, take);
}

void TomlReader::texts(std::string_view key, const Take& take) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const toml::array* list = node->as_array();
  if (list == nullptr || list->empty() || !list->is_homogeneous(toml::node_type::string)) {
    return fail(*node, fmt::format("{}{}: a list of texts is wanted", name_, key));
  }
  for (const toml::node& item : *list) take_text(item, key, take);
}

void TomlReader::require(std::string_view key) {
  if (table_ != nullptr && table_->contains(key)) return;
  if (error_.empty()) {
    const auto line = table_ == nullptr ? 0U : table_->source().begin.line;
    error_ = line == 0 ? fmt::format("{}: {}{} is missing", file_, name_, key)
                       : fmt::format("{}:{}: {}{} is missing", file_, line, name_, key);
  }
}

TomlReader TomlReader::table(std::string_view key) {
  const toml::node* node = find(key);
  const toml::table* inner = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && inner == nullptr) fail(*node, fmt::format("{}: a table is wanted", key));
  return {inner, fmt::format("{}{}.", name_, key), file_, error_};
}

std::vector<TomlReader> TomlReader::tables(std::string_view key) {
  std::vector<TomlReader> readers;
  const toml::node* node = find(key);
  if (node == nullptr) return readers;
  const toml::array* list = node->as_array();
  if (list == nullptr || !list->is_array_of_tables()) {
    fail(*node,
         fmt::format("{}{}: tables are wanted, each under [[{}{}]]", name_, key, name_, key));
    return readers;
  }
  for (const toml::node& item : *list) {
    readers.push_back({item.as_table(), fmt::format("{}{}.", name_, key), file_, error_});
  }
  return readers;
}

std::vector<std::pair<std::string, std::int64_t>> TomlReader::all_integers() {
  std::vector<std::pair<std::string, std::int64_t>> members;
  if (table_ == nullptr) return members;
  for (const auto& [key, node] : *table_) {
    std::int64_t value = 0;
    if (integer(key.str(), value, 0, 1'000'000'000)) members.emplace_back(key.str(), value);
  }
  return members;
}

void TomlReader::all(const TakeMember& take) {
  if (table_ == nullptr) return;
  for (const auto& [key, node] : *table_) {
    known_.emplace(key.str());
    take_member(node, std::string{key.str()}, take);
  }
}

void TomlReader::take_member(const toml::node& node, const std::string& key,
                             const TakeMember& take) {
  if (const toml::table* inner = node.as_table()) {
    for (const auto& [name, member] : *inner) {
      take_member(member, fmt::format("{}.{}", key, name.str()), take);
    }
    return;
  }
  std::ostringstream text;
  node.visit([&text](const auto& value) {
    if constexpr (toml::is_string<decltype(value)>) {
      text << value.get();
    } else {
      text << value;
    }
  });
  const std::string complaint = take(key, text.str());
  if (!complaint.empty()) fail(node, fmt::format("{}{}: {}", name_, key, complaint));
}

void TomlReader::refuse(const std::string& message) {
  if (table_ != nullptr) fail(*table_, message);
}

void TomlReader::finish() {
  if (table_ == nullptr) return;
  std::string allowed;
  for (const std::string& key : known_) allowed += (allowed.empty() ? "" : ", ") + key;
  for (const auto& [key, node] : *table_) {
    if (known_.contains(key.str())) continue;
    if (error_.empty()) {
      error_ = fmt::format("{}:{}: unknown key {}{}, allowed: {}", file_, key.source().begin.line,
                           name_, key.str(), allowed);
    }
  }
}

const toml::node* TomlReader::find(std::string_view key) {
  known_.emplace(key);
  return table_ == nullptr ? nullptr : table_->get(key);
}

void TomlReader::take_text(const toml::node& node, std::string_view key, const Take& take) {
  const std::string complaint = take(node.as_string()->get());
  if (!complaint.empty()) fail(node, fmt::format("{}{}: {}", name_, key, complaint));
}

void TomlReader::fail(const toml::node& node, const std::string& message) {
  if (error_.empty()) {
    error_ = fmt::format("{}:{}: {}", file_, node.source().begin.line, message);
  }
}

}  // namespace ordeal::trial

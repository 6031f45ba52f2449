#include "pool/migration/difference.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include <fmt/format.h>

#include "ordeal/pool/strategy.hpp"

namespace ordeal::pool {

std::string_view to_string(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::outcome:
      return "outcome";
    case DifferenceKind::error:
      return "error";
    case DifferenceKind::missing_member:
      return "missing_member";
    case DifferenceKind::new_member:
      return "new_member";
    case DifferenceKind::type:
      return "type";
    case DifferenceKind::length:
      return "length";
    case DifferenceKind::value:
      return "value";
  }
  return "unknown";
}

namespace migration {
namespace {

using nlohmann::json;

// RFC 6901: "~" and "/" in a name are written "~0" and "~1".
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return text;
}

std::vector<std::string_view> segments(std::string_view pointer) {
  std::vector<std::string_view> found;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);  // the "/"
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    found.push_back(pointer.substr(0, end));
    pointer.remove_prefix(end);
  }
  return found;
}

// Whether `place` is `rule`, in which "*" stands for any segment.
bool matches(std::string_view rule, std::string_view place) {
  const auto wanted = segments(rule);
  const auto given = segments(place);
  return std::equal(wanted.begin(), wanted.end(), given.begin(), given.end(),
                    [](std::string_view a, std::string_view b) { return a == "*" || a == b; });
}

class Comparison {
 public:
  explicit Comparison(const CompareRules& rules) : rules_(rules) {}

  void values(const json& first, const json& second, const std::string& place) {
    if (full() || is_ignored(place)) return;
    if (first.is_number() && second.is_number()) {
      if (!alike(first, second)) add(DifferenceKind::value, place);
    } else if (first.type() != second.type()) {
      add(DifferenceKind::type, place);
    } else if (first.is_object()) {
      objects(first, second, place);
    } else if (first.is_array()) {
      lists(first, second, place);
    } else if (first != second) {
      add(DifferenceKind::value, place);
    }
  }

  void add(DifferenceKind kind, std::string place) {
    if (!full() && !is_ignored(place)) found_.push_back({kind, std::move(place)});
  }

  [[nodiscard]] std::vector<Difference> take() { return std::move(found_); }

 private:
  void objects(const json& first, const json& second, const std::string& place) {
    for (const auto& [name, value] : first.items()) {
      const std::string there = place + "/" + escaped(name);
      const auto other = second.find(name);
      if (other == second.end()) {
        add(DifferenceKind::missing_member, there);
      } else {
        values(value, *other, there);
      }
    }
    for (const auto& [name, value] : second.items()) {
      if (!first.contains(name)) add(DifferenceKind::new_member, place + "/" + escaped(name));
    }
  }

  void lists(const json& first, const json& second, const std::string& place) {
    if (first.size() != second.size()) {
      add(DifferenceKind::length, place);
      return;
    }
    for (std::size_t i = 0; i < first.size(); ++i) {
      values(first[i], second[i], fmt::format("{}/{}", place, i));
    }
  }

  // Integers exactly, whatever their size; else within the tolerance.
  [[nodiscard]] bool alike(const json& first, const json& second) const {
    if (first == second) return true;
    const auto a = first.get<double>();
    const auto b = second.get<double>();
    return rules_.tolerance > 0 &&
           std::abs(a - b) <= rules_.tolerance * std::max(std::abs(a), std::abs(b));
  }

  [[nodiscard]] bool is_ignored(const std::string& place) const {
    return std::any_of(rules_.ignore.begin(), rules_.ignore.end(),
                       [&](const std::string& rule) { return matches(rule, place); });
  }
  [[nodiscard]] bool full() const { return found_.size() >= differences_max; }

  const CompareRules& rules_;
  std::vector<Difference> found_;
};

// What an error is called in a report: the pool's code, and the worker's own type.
std::string reason_of(const Error& error) {
  std::string text(to_string(error.code));
  if (error.application) text += ":" + error.application->type;
  return text;
}

json parsed(const std::string& text) { return json::parse(text, nullptr, false); }

}  // namespace

std::vector<Difference> compare(const Answer& first, const Answer& second,
                                const CompareRules& rules) {
  Comparison comparison(rules);
  if (first.has_value() != second.has_value()) {
    const std::string place =
        first ? "ok > " + reason_of(second.error()) : reason_of(first.error()) + " > ok";
    return {{DifferenceKind::outcome, place}};
  }
  if (!first) {
    const std::string here = reason_of(first.error());
    const std::string there = reason_of(second.error());
    if (here == there) return {};
    return {{DifferenceKind::error, here + " > " + there}};
  }
  if (first->result_text == second->result_text) return {};
  const json here = parsed(first->result_text);
  const json there = parsed(second->result_text);
  if (here.is_discarded() || there.is_discarded()) {
    comparison.add(DifferenceKind::value, "");
  } else {
    comparison.values(here, there, "");
  }
  return comparison.take();
}

bool says_something(const Answer& answer) {
  if (answer) return true;
  if (is_callers_mistake(answer.error().code)) return false;
  switch (answer.error().code) {
    case ErrorCode::cancelled:
    case ErrorCode::cancelled_in_flight:
    case ErrorCode::queue_full:
    case ErrorCode::queue_timeout:
    case ErrorCode::pool_stopping:
    case ErrorCode::pool_draining:
    case ErrorCode::stopped_in_flight:
    case ErrorCode::deadline_unreachable:
    case ErrorCode::request_shed:
    case ErrorCode::would_deadlock:
    case ErrorCode::used_after_fork:
      return false;
    default:
      return true;
  }
}

std::string broken_rule(const CompareRules& rules) {
  for (const std::string& place : rules.ignore) {
    if (!place.empty() && !place.starts_with('/')) {
      return fmt::format("compare.ignore '{}': a JSON pointer begins with '/', such as /usage/*",
                         place);
    }
  }
  if (!(rules.tolerance >= 0 && rules.tolerance < 1)) {
    return fmt::format("compare.tolerance {}: at least 0 and below 1", rules.tolerance);
  }
  return {};
}

}  // namespace migration
}  // namespace ordeal::pool

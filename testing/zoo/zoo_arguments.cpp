#include "testing/zoo/zoo_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ordeal::trial {
namespace {

std::string repr_of_text(const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out{quote};
  for (const char c : text) {
    if (c == '\\' || c == quote) out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + quote;
}

}  // namespace

std::string python_repr(const ZooJson& value) {
  if (value.is_string()) return repr_of_text(value.get<std::string>());
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (!value.is_structured()) return value.dump();
  std::string out;
  for (const auto& [key, member] : value.items()) {
    out += out.empty() ? "" : ", ";
    if (value.is_object()) out += repr_of_text(key) + ": ";
    out += python_repr(member);
  }
  return value.is_object() ? "{" + out + "}" : "[" + out + "]";
}

void ZooArguments::refuse(const char* name, const std::string& wanted, const ZooJson& value) {
  refuse(fmt::format("{} must be {}, not {}", name, wanted, python_repr(value)));
}

std::chrono::milliseconds ZooArguments::time(const char* name, double standard_ms) {
  const auto found = args_.find(name);
  double value = standard_ms;
  if (found != args_.end()) {
    value = found->is_number() ? found->get<double>() : -1;
    if (!(value >= 0 && value < std::numeric_limits<double>::infinity())) {
      refuse(name, "a number from 0 up", *found);
      return {};
    }
  }
  constexpr double day_ms = 86'400'000;  // beyond that nobody waits anyway
  return std::chrono::milliseconds{static_cast<std::int64_t>(std::min(value, day_ms))};
}

std::int64_t ZooArguments::integer(const char* name, std::int64_t standard, std::int64_t least) {
  const auto found = args_.find(name);
  if (found == args_.end()) return standard;
  const std::string wanted = fmt::format("an integer from {} up", least);
  if (!found->is_number_integer()) {
    refuse(name, wanted, *found);
    return standard;
  }
  const auto value = found->get<std::int64_t>();
  if (value < least) refuse(name, wanted, *found);
  return std::max(value, least);
}

std::string ZooArguments::text(const char* name, std::string standard) {
  const auto found = args_.find(name);
  if (found == args_.end()) return standard;
  if (found->is_string()) return found->get<std::string>();
  refuse(name, "text", *found);
  return standard;
}

bool ZooArguments::flag(const char* name) {
  const auto found = args_.find(name);
  if (found == args_.end()) return false;
  if (found->is_boolean()) return found->get<bool>();
  refuse(name, "true or false", *found);
  return false;
}

std::string ZooArguments::choice(const char* name, std::string standard,
                                 std::initializer_list<const char*> choices) {
  const auto found = args_.find(name);
  if (found == args_.end()) return standard;
  for (const char* allowed : choices) {
    if (*found == allowed) return allowed;
  }
  refuse(name, fmt::format("one of {}", fmt::join(choices, ", ")), *found);
  return standard;
}

}  // namespace ordeal::trial

// Arguments of the zoo's commands, checked as python_mock/ordeal_worker/zoo/arguments.py does.
//
// The first that is wrong counts: `wrong()` is its message, and what is read behind it is of no
// consequence.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "testing/zoo/zoo_worker.hpp"

namespace ordeal::trial {

class ZooArguments {
 public:
  explicit ZooArguments(const ZooJson& args) : args_(args) {}

  [[nodiscard]] std::chrono::milliseconds time(const char* name, double standard_ms = 0);
  [[nodiscard]] std::int64_t integer(const char* name, std::int64_t standard = 0,
                                     std::int64_t least = 0);
  [[nodiscard]] std::string text(const char* name, std::string standard = {});
  [[nodiscard]] bool flag(const char* name);
  [[nodiscard]] std::string choice(const char* name, std::string standard,
                                   std::initializer_list<const char*> choices);
  void refuse(std::string message) {
    if (wrong_.empty()) wrong_ = std::move(message);
  }

  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] const ZooJson& all() const { return args_; }

 private:
  void refuse(const char* name, const std::string& wanted, const ZooJson& value);

  const ZooJson& args_;
  std::string wrong_;
};

// As Python's repr() would write what it has decoded.
[[nodiscard]] std::string python_repr(const ZooJson& value);

}  // namespace ordeal::trial

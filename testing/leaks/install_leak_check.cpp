// Compiled into each test program that links ordeal_trial_leak_check.
#include "testing/leaks/leak_listener.hpp"

namespace {
[[maybe_unused]] const bool installed = [] {
  ordeal::trial::install_leak_check();
  return true;
}();
}  // namespace

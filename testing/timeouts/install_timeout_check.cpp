// Compiled into each test program that links ordeal_trial_timeout_check.
#include "testing/leaks/leak_listener.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace {
[[maybe_unused]] const bool installed = [] {
  ordeal::trial::install_leak_check();
  ordeal::trial::install_timeout_check();
  return true;
}();
}  // namespace

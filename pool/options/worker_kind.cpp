// What the kinds of worker are: the defaults of options that are not set.
//
// To add a feature to enhanced workers: make its option a std::optional, and give it a line here.
#include "ordeal/pool/options.hpp"

namespace ordeal::pool {
namespace {

// DSPex's, for enhanced workers.
constexpr std::chrono::milliseconds enhanced_health_interval{30'000};

template <typename T>
void set_unless_set(std::optional<T>& option, bool enhanced, T if_enhanced, T if_basic) {
  if (!option) option = enhanced ? if_enhanced : if_basic;
}

}  // namespace

Options with_defaults(Options options) {
  const bool enhanced = options.worker_kind == WorkerKind::enhanced;
  set_unless_set(options.health_interval, enhanced, enhanced_health_interval, {});
  return options;
}

}  // namespace ordeal::pool

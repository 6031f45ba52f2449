#include "perf/bench/features.hpp"

#include <utility>

namespace ordeal::perf {

pool::Options features_off(std::vector<std::string> worker) {
  pool::Options options;
  options.command = std::move(worker);
  options.size = 1;
  options.worker_kind = pool::WorkerKind::basic;
  return options;
}

pool::Options features_on(std::vector<std::string> worker) {
  pool::Options options = features_off(std::move(worker));
  options.worker_kind = pool::WorkerKind::enhanced;
  options.affinity = pool::AffinityPolicy::strict;
  options.breaker.enabled = true;
  options.retry.max_retries = 3;
  return options;
}

}  // namespace ordeal::perf

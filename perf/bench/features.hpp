// A pool with all of its features on, and the same with all of them off: what is compared to say
// what they cost.
#pragma once

#include <string>
#include <vector>

#include "ordeal/pool/options.hpp"

namespace ordeal::perf {

// One basic worker, and nothing else.
[[nodiscard]] pool::Options features_off(std::vector<std::string> worker);
// Health checks, strict affinity, a breaker by command, retries. To be called in a session, with
// `idempotent`, and to be watched by sinks.
[[nodiscard]] pool::Options features_on(std::vector<std::string> worker);

}  // namespace ordeal::perf

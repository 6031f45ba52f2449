// Which workers a fault is meant for. Resolved from a pool's status at the last moment: targets are
// rules, not names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/status.hpp"
#include "pool/core/random.hpp"

namespace ordeal::chaos {

struct Target {
  enum class Rule : std::uint8_t {
    one,      // any
    random,   // `count` of them, drawn
    share,    // `count` percent of them, drawn; at least one
    busiest,  // the one with the same request in hand for the longest time
    oldest,
    idle,  // one without a request
    all
  };
  Rule rule = Rule::one;
  std::uint32_t count = 1;  // random, share only
  friend bool operator==(const Target&, const Target&) = default;
};

// "one", "random:3", "share:0.6", "busiest", "oldest", "idle", "all"; empty if it is none of these.
[[nodiscard]] std::optional<Target> parse_target(std::string_view text);
[[nodiscard]] std::string to_string(const Target& target);
inline constexpr std::string_view target_syntax =
    "one, random:N, share:0.N, busiest, oldest, idle, all";

struct WorkerId {
  std::uint64_t worker = 0;
  int pid = 0;
  friend bool operator==(const WorkerId&, const WorkerId&) = default;
};

// Workers that serve: ready, busy or degraded. May be fewer than wanted, or none.
[[nodiscard]] std::vector<WorkerId> choose(const Target& target, const pool::Status& status,
                                           pool::core::Random& random);
[[nodiscard]] bool serves(const pool::WorkerStatus& worker);

}  // namespace ordeal::chaos

// When a new version may answer more requests, and when it must not answer any more. A pure
// machine: time is told, nothing is started or stopped.
//
//     stage 0 --enough seen--> stage 1 --> ... --> last stage --enough seen--> passed
//        \________________________\__ breach __________\--------> failed
//
// Invariants:
//   (1) The share never shrinks but to 0, and then for good.
//   (2) A stage ends when the new version has answered `stage_requests` in it, `stage_time` is
//       over, and there is no breach; a breach is seen with the very answer that makes it one.
//   (3) What the old version does is remembered over all stages, since in the last one it answers
//       nothing.
// Not thread-safe; a value.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ordeal/pool/migration.hpp"
#include "pool/core/random.hpp"
#include "pool/runtime/recent_latencies.hpp"

namespace ordeal::pool::migration {

enum class Version : std::uint8_t {
  old_one,
  new_one
};

inline constexpr std::size_t latencies_kept = 512;  // of each version

// The lower end of the two-sided 95 % Wilson interval for a rate of which `hits` of `all` were
// seen.
[[nodiscard]] double wilson_lower(std::uint64_t hits, std::uint64_t all);

class Rollout {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  enum class State : std::uint8_t {
    running,
    passed,
    failed
  };

  // REQUIRES: broken_rule(rules) is empty.
  Rollout(RolloutRules rules, std::uint64_t seed, Instant now);

  // Which version is to answer the next request. One draw each, so the same seed and order of
  // requests give the same choices.
  [[nodiscard]] Version next();
  // What says something of the version that answered. Nothing changes once the rollout is over.
  void record(Version version, bool failed, std::chrono::nanoseconds latency, Instant now);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] double share() const;
  [[nodiscard]] std::uint32_t stage() const { return stage_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  // Of the old version over all stages; of the new one in this stage, its answers and failures in
  // all.
  [[nodiscard]] VersionFigures figures(Version version) const;

 private:
  struct Seen {
    std::uint64_t answered = 0, failed = 0;  // in all
    std::uint64_t stage_answered = 0, stage_failed = 0;
    runtime::RecentLatencies latencies{latencies_kept};
  };
  [[nodiscard]] std::string breach() const;
  [[nodiscard]] double error_limit() const;
  void advance(Instant now);

  RolloutRules rules_;
  core::Random random_;
  State state_ = State::running;
  std::uint32_t stage_ = 0;
  Instant stage_began_;
  Seen old_, new_;
  std::string reason_;
};

// What is wrong with the rules: names the rule, its value and what is allowed; empty if nothing is.
[[nodiscard]] std::string broken_rule(const RolloutRules& rules);

}  // namespace ordeal::pool::migration

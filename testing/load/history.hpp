// What happened to every call of a run, as its callers saw it: what checkers judge.
//
// Outcomes are Jepsen's three and a fourth that no pool may cause: `lost`, no outcome by the
// deadline + lost_after. A call that ends later than that stays lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "testing/load/nonce.hpp"

namespace ordeal::trial {

using TimePoint = std::chrono::steady_clock::time_point;
[[nodiscard]] TimePoint time_now();  // by the pool's clock

inline constexpr std::chrono::milliseconds lost_after{100};

enum class Outcome : std::uint8_t {
  pending,  // only while the run lasts
  ok,
  failed,         // it did not happen, or the worker said that it failed
  indeterminate,  // it may have happened
  lost
};
[[nodiscard]] std::string_view to_string(Outcome outcome);

// The death that an error was blamed on (pool::DeathCertificate has more).
struct DeathSeen {
  int pid = 0;
  std::uint64_t worker = 0;
  std::uint64_t request_in_hand = 0;  // 0: none
};

struct CallRecord {
  Nonce nonce;
  std::optional<Nonce> echoed;  // what the reply carried, if there was one
  std::uint32_t caller = 0;
  std::uint32_t attempts = 0;
  std::uint64_t worker = 0;         // 0: none
  std::optional<TimePoint> due_at;  // of a load with a schedule
  TimePoint submitted_at;
  TimePoint deadline;
  TimePoint ended_at;
  Outcome outcome = Outcome::pending;
  std::string code;     // the error's; empty: none
  std::string message;  // the error's
  std::optional<DeathSeen> death;
  bool gave_up = false;  // its caller has cancelled it

  // Where its latency begins.
  [[nodiscard]] TimePoint wanted_at() const { return due_at.value_or(submitted_at); }
  [[nodiscard]] bool nonce_right() const { return echoed && *echoed == nonce; }
};

struct History {
  // Counted when a call is handed to the pool, apart from `calls`: the other side of the sum.
  std::uint64_t sent = 0;
  std::vector<CallRecord> calls;

  [[nodiscard]] std::uint64_t count(Outcome outcome) const;
};

// Nearest-rank percentiles over the calls that ended ok, from wanted_at() to outcome.
struct LatencySummary {
  std::uint64_t count = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double max_us = 0;
};
[[nodiscard]] LatencySummary summarize_latency(const History& history);

}  // namespace ordeal::trial

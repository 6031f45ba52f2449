// The soak: very many requests, a kill every few milliseconds, faults of the wire, and an account.
//
//   pools -> load ─> kills and wire faults until the last request is out ─> whole again? ─> stop
//
// Two pools share the requests, in one host:
//   `forked`    its workers are forked from a warm template, since only such a pool is whole again
//               before the next kill; whoever is busiest is killed, whole or not.
//   `relayed`   its workers stand behind the relay, which damages one reply at a time.
// Faults of the wire that swallow a reply (drop_replies, black_hole, full_pipe) are not among them:
// such a call ends by its deadline alone, which says nothing about a soak.
//
// Invariant: what is kept does not grow with the number of requests or kills, so that the host's
// memory is that of its pools.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chaos/experiment/verdicts.hpp"
#include "chaos/soak/counted_load.hpp"
#include "ordeal/pool/error.hpp"

namespace ordeal::chaos {

struct SoakPlan {
  std::uint64_t requests = 1'000'000;
  std::uint64_t seed = 7;
  std::uint32_t workers = 4;  // forked
  std::uint32_t callers = 6;  // of them
  std::uint32_t relayed_workers = 2;
  std::uint32_t relayed_callers = 2;
  milliseconds kill_every{50};
  milliseconds wire_every{500};
  milliseconds deadline{10'000};
  milliseconds recovery_max{10'000};
  std::string bridge;
  std::string relay_program;
  // Breaks something on purpose, to see it found out: "spare-workers", "leave-child", "leak-fds",
  // "no-retries".
  std::string sabotage;
};

// Quantities at which the host is looked at.
struct HostSample {
  std::uint64_t sent = 0;
  std::int64_t rss_kib = 0;
};

struct SoakResult {
  CountedTotals forked, relayed;
  milliseconds lasted{0};
  std::uint64_t kills = 0;           // proved: the process had ended
  std::uint64_t kills_unproved = 0;  // sent, and nothing seen of it
  std::uint64_t kills_skipped = 0;   // nobody served just then
  std::uint64_t wire_faults = 0;     // proved: the relay has counted what it touched
  std::uint64_t wire_untouched = 0;  // no reply passed before the next one was due
  std::uint64_t wire_skipped = 0;    // no worker was there
  std::uint64_t executed_twice = 0;  // not idempotent, handed to two workers, as relays counted
  std::vector<HostSample> samples;   // bounded: thinned out as it grows
  std::uint64_t fds_before = 0, fds_begun = 0, fds_ended = 0, fds_after = 0;
  bool whole = false;  // both, within recovery_max
  bool stop_returned = true;
  std::vector<std::string> left_behind;  // "pid name": children, and what our workers started
  bool threads_left_behind = false;
};

[[nodiscard]] pool::Result<SoakResult> run_soak(
    const SoakPlan& plan, const std::function<void(const SoakResult&)>& on_progress);

[[nodiscard]] std::vector<Check> judge_soak(const SoakPlan& plan, const SoakResult& result);
// The median memory after the warm-up (the first third of the requests), and that of the end.
struct Growth {
  double from_kib = 0, to_kib = 0;
  [[nodiscard]] double percent() const {
    return from_kib > 0 ? 100.0 * (to_kib - from_kib) / from_kib : 0;
  }
};
[[nodiscard]] Growth growth_of(const std::vector<HostSample>& samples);
[[nodiscard]] pool::Result<void> write_soak_summary(const std::string& file, const SoakPlan& plan,
                                                    const SoakResult& result,
                                                    const std::vector<Check>& checks);

}  // namespace ordeal::chaos

// The health of one worker: what is known of it, from pings that it was sent while idle and from
// calls that it has or has not answered in time. When to ping is drawn here too; who may be pinged
// now, and what becomes of the worker, is the core's (probing.cpp, worker_recovery.hpp).
//
//     resting ──begin()──▶ waiting ──passed()──▶ resting
//                            │  ▲
//                   failed() │  │ begin(): another ping, or more time for the one unanswered
//                            ▼  │
//                          resting, failures + 1
//
// Invariants (numbers of behaviour spec, part B, unless named):
//  (22) failures() counts failures in a row: any answer in time sets it to 0.
//   (a) A worker has at most one ping unanswered: begin() says whether one is to be sent.
//   (b) An answer to a ping counts once; one that was not awaited counts nothing.
//   (c) Periods are in [3/4, 1] of the interval, pauses at most the interval: drawn from the seed,
//       so that the workers of a pool are not all pinged at once.
// Not thread-safe; a value.
#pragma once

#include <cstdint>

#include "pool/core/random.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

struct HealthRules {
  Duration interval{};  // an idle worker is pinged so often; 0: never
  Duration timeout = std::chrono::seconds{5};
  std::uint32_t failures_max = 3;
  [[nodiscard]] constexpr bool on() const { return interval > Duration::zero(); }
};

class HealthCheck {
 public:
  // REQUIRES: not waiting. True: send a ping. False: the last one is unanswered, and still counts.
  [[nodiscard]] bool begin(Instant now);
  // The ping is answered, well or not. Returns false if none was unanswered.
  [[nodiscard]] bool answered();
  // An answer in time, to a ping or to a call: ends the row of failures.
  void passed() { failures_ = 0; }
  // No longer waiting; returns the length of the row.
  std::uint32_t failed();
  void stop_waiting() { waiting_ = false; }
  void note_seen(Instant now) { seen_at_ = now; }
  void note_unhealthy(Instant now) { unhealthy_since_ = now; }

  [[nodiscard]] bool is_waiting() const { return waiting_; }
  [[nodiscard]] bool is_unanswered() const { return unanswered_; }
  [[nodiscard]] std::uint32_t failures() const { return failures_; }
  [[nodiscard]] Instant asked_at() const { return asked_at_; }  // of the last ping
  [[nodiscard]] Instant seen_at() const { return seen_at_; }    // last good answer to a ping
  [[nodiscard]] Instant unhealthy_since() const { return unhealthy_since_; }

 private:
  std::uint32_t failures_ = 0;
  bool waiting_ = false;     // for an answer, until its time is over
  bool unanswered_ = false;  // the worker owes the answer to a ping, waited for or not
  Instant asked_at_{};
  Instant seen_at_{};
  Instant unhealthy_since_{};
};

// From one look at a worker to the next.
[[nodiscard]] Duration probe_period(const HealthRules& rules, Random& random);
// An idle worker that was heard of within this time is left alone.
[[nodiscard]] Duration probe_rest(const HealthRules& rules);
// After so many failures in a row, until the next ping: doubles with each. With failures_max 3 and
// a timeout of at most a fifth of the interval, the third failure comes within two intervals of the
// worker's last sign of life. `longest`: of the first pause. REQUIRES: failures >= 1.
[[nodiscard]] Duration probe_pause(const HealthRules& rules, Duration longest,
                                   std::uint32_t failures, Random& random);

}  // namespace ordeal::pool::core

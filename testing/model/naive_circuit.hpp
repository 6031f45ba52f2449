// What a circuit breaker must do, said a second time and naively: it keeps every result since the
// last transition in a list, and counts anew each time. Shares no code with pool/core's Circuit
// but the vocabulary.
//
// It is told what the breaker has decided, and says what is wrong with that, or nullptr. Where the
// jitter leaves the breaker free, it follows.
#pragma once

#include <cstdint>
#include <deque>
#include <set>

#include "pool/core/circuit_breaker.hpp"

namespace ordeal::trial {

class NaiveCircuit {
 public:
  using Instant = pool::core::Instant;
  using Duration = pool::core::Duration;
  using Outcome = pool::core::Circuit::Outcome;

  struct Visits {
    std::uint64_t opened = 0, half_opened = 0, reopened = 0, expired = 0, closed_again = 0;
    std::uint64_t limited = 0, stale = 0, ordered = 0, would_have_opened = 0, slow_trips = 0;
    void add(const Visits& other);
  };

  explicit NaiveCircuit(const pool::core::CircuitOptions& options) : options_(options) {}

  // A call was admitted; `permit` is what to hand back when it has ended.
  [[nodiscard]] const char* admitted(Instant now, std::uint64_t& permit);
  [[nodiscard]] const char* refused(Instant now, bool half_open_limit);
  void ended(std::uint64_t permit, Outcome outcome, Duration took, Instant now);
  void ordered(pool::core::CircuitOrder order, Instant now);
  void expire(Instant now);

  // Whether it may, and whether it must, refuse a call now.
  [[nodiscard]] bool may_refuse(Instant now) const;
  [[nodiscard]] bool must_refuse_as_open(Instant now) const;
  // No retry may begin before it.
  [[nodiscard]] Instant retry_from(Instant now) const;
  // Whether a caller may be told to wait for so long.
  [[nodiscard]] bool is_wait(Duration wait, Instant now) const;
  [[nodiscard]] const char* compare(const pool::core::Circuit& circuit, Instant now) const;
  [[nodiscard]] pool::CircuitState state() const { return state_; }
  [[nodiscard]] std::uint64_t transitions() const { return transitions_; }
  [[nodiscard]] std::uint64_t stale() const { return visits_.stale; }
  [[nodiscard]] std::uint64_t would_have_opened() const { return visits_.would_have_opened; }
  [[nodiscard]] std::uint64_t openings() const { return visits_.opened + visits_.reopened; }
  [[nodiscard]] std::size_t trials() const { return running_.size(); }
  [[nodiscard]] const Visits& visits() const { return visits_; }

 private:
  struct Result {
    Instant at;
    bool failed;
    bool slow;
  };
  void move_to(pool::CircuitState to, Instant at);
  [[nodiscard]] bool trips(Instant now) const;
  [[nodiscard]] bool has_permit() const;
  [[nodiscard]] Duration period() const;
  [[nodiscard]] Duration period_with_jitter() const;

  pool::core::CircuitOptions options_;
  pool::CircuitState state_ = pool::CircuitState::closed;
  Instant since_{};
  std::uint64_t transitions_ = 0;
  std::uint64_t permits_ = 0;
  std::uint64_t first_permit_ = 1;   // of this epoch
  std::set<std::uint64_t> running_;  // half-open
  std::uint64_t issued_ = 0;         // half-open, less those that came back neutral
  std::uint64_t sent_back_ = 0;      // by trials, in a row
  std::deque<Result> results_;       // since the last transition
  Visits visits_;
};

}  // namespace ordeal::trial

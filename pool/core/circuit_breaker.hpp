// One circuit: may this call be made, and what follows from how it went? (Drawn, and said for
// callers, in ordeal/pool/breaker.hpp.)
//
// Invariants (numbers of behaviour spec, part B, and of perf-resilience-anchors B5):
//   (31; B5 8) Only the edges of the drawing, and those ordered by hand; each is one Change, and
//        raises the epoch. Rates trip on the very result that first meets them, and never below
//        min_calls (B5 5).
//   (32; B5 4) Open: nothing is admitted before since + open period; the first acquire at or after
//        that is, and makes it half-open.
//   (33; B5 1, 2, 3) Half-open: at most half_open_max permits are out, and at most
//        max(half_open_max, successes) were issued, those not counted that came back neutral. So
//        there are always enough to decide it. half_open_expiry after it began, whatever hangs, it
//        is open again.
//   (35; B5 6) A report of an older epoch changes nothing but the count of stale ones.
//   (36) Nothing but a transition sets when the open period ends.
//   (37) 0 <= time_until_retry <= open period <= open_max. order(reset) from any state is like new,
//        but for the epoch and what is counted for ever.
//   (B5 9) By hand: forced_open admits nothing, disabled everything, and records nothing, observe
//        never trips; only enable and reset end them.
//
// The open period: open_base * growth^k, k being how often in a row a trial has sent it back, and
// up to jitter_percent more, cut at open_max. The jitter is a function of seed and epoch alone.
//
// A trial that was slow counts as failed, where slow calls can trip the circuit.
//
// acquire and report allocate nothing. Not thread-safe; a value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <tuple>

#include "ordeal/pool/breaker.hpp"
#include "pool/core/call_window.hpp"
#include "pool/core/field.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

struct CircuitOptions {
  bool enabled = false;
  BreakerRule rule = BreakerRule::consecutive;
  std::uint32_t failures = 5;       // consecutive; >= 1
  std::uint32_t successes = 3;      // to close; >= 1
  std::uint32_t half_open_max = 3;  // trials at once; >= 1
  Duration half_open_expiry = std::chrono::seconds{60};
  Duration open_base = std::chrono::seconds{60};
  Duration open_max = std::chrono::minutes{10};  // >= open_base
  std::uint32_t growth_percent = 100;            // >= 100
  std::uint32_t jitter_percent = 0;
  // The rates:
  std::uint32_t window_calls = 100;
  Duration window = std::chrono::seconds{10};
  std::uint32_t window_slices = 10;
  std::uint32_t min_calls = 20;  // >= 1; of call_rate: <= window_calls
  std::uint32_t failure_percent = 50;
  Duration slow_call{};  // this long or longer is slow; zero: none is
  std::uint32_t slow_percent = 100;

  static constexpr auto fields() {
    using O = CircuitOptions;
    return std::tuple{field("enabled", &O::enabled),
                      field("rule", &O::rule),
                      field("failures", &O::failures),
                      field("successes", &O::successes),
                      field("half_open_max", &O::half_open_max),
                      field("half_open_expiry", &O::half_open_expiry),
                      field("open_base", &O::open_base),
                      field("open_max", &O::open_max),
                      field("growth_percent", &O::growth_percent),
                      field("jitter_percent", &O::jitter_percent),
                      field("window_calls", &O::window_calls),
                      field("window", &O::window),
                      field("window_slices", &O::window_slices),
                      field("min_calls", &O::min_calls),
                      field("failure_percent", &O::failure_percent),
                      field("slow_call", &O::slow_call),
                      field("slow_percent", &O::slow_percent)};
  }
};

// What an operator, or a recovery, may ask for.
enum class CircuitOrder : std::uint8_t {
  force_open,
  disable,
  observe,
  enable,  // ends a state set by hand
  reset,
  trip,  // as if the rule had: open for a while; nothing where that is so, or set by hand
};

class Circuit {
 public:
  enum class Verdict : std::uint8_t {
    admitted,
    open,
    half_open_limit
  };
  struct Acquired {
    Verdict verdict = Verdict::admitted;
    std::uint64_t epoch = 0;  // admitted: to be given back with report(), once
  };
  enum class Outcome : std::uint8_t {
    success,
    failure,
    neutral  // says nothing about the callee
  };
  enum class Reported : std::uint8_t {
    counted,
    stale,
    ignored
  };
  struct Change {
    CircuitState from{};
    CircuitState to{};
    std::uint32_t failures = 0;  // in a row, or in the window, before it
    Duration retry_after{};      // to open: how long
  };

  // REQUIRES: the options are valid and outlive the circuit.
  Circuit(const CircuitOptions& options, std::uint64_t seed);

  // In all of these `now` does not run backwards.
  // Whether a call could be admitted now, were it to run at once. Issues nothing.
  [[nodiscard]] Verdict ask(Instant now);
  [[nodiscard]] Acquired acquire(Instant now);
  Reported report(std::uint64_t epoch, Outcome outcome, Duration took, Instant now);
  void order(CircuitOrder order, Instant now);
  // Half-open for too long: open again. Done by the others too; call it at half_open_until().
  void expire(Instant now);

  // What has changed since it was last asked, oldest first; at most two between two calls of the
  // above.
  [[nodiscard]] bool has_changed() const { return changes_ != 0; }
  [[nodiscard]] std::optional<Change> take_change() {
    if (changes_ == 0) return std::nullopt;
    return pop_change();
  }

  [[nodiscard]] CircuitState state() const { return state_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  // Zero but for open, and Duration::max() for forced_open.
  [[nodiscard]] Duration time_until_retry(Instant now) const;
  [[nodiscard]] std::optional<Instant> half_open_until() const;
  [[nodiscard]] std::uint32_t failures() const;
  [[nodiscard]] std::uint32_t successes() const { return successes_; }
  [[nodiscard]] std::uint32_t permits_out() const { return out_; }
  [[nodiscard]] const CallWindow::Sums& window() const { return window_.sums(); }
  [[nodiscard]] std::uint64_t opened() const { return opened_; }
  [[nodiscard]] std::uint64_t stale() const { return stale_; }
  [[nodiscard]] std::uint64_t would_have_opened() const { return would_have_opened_; }

 private:
  void move_to(CircuitState to, Instant at, Instant now);
  void open(Instant at, Instant now);
  void record(bool failed, bool slow, Instant now);
  void judge_trial(bool failed, Instant now);
  [[nodiscard]] bool trips(bool failed) const;
  [[nodiscard]] bool has_permit() const;
  [[nodiscard]] Duration open_period() const;
  [[nodiscard]] std::optional<Change> pop_change();

  const CircuitOptions* options_;
  std::uint64_t seed_;
  CircuitState state_ = CircuitState::closed;
  std::uint8_t changes_ = 0;
  std::uint64_t epoch_ = 1;
  std::uint32_t failures_in_row_ = 0;
  std::uint32_t successes_ = 0;  // half-open
  std::uint32_t issued_ = 0;     // half-open: permits, less those that came back neutral
  std::uint32_t out_ = 0;        // half-open: permits that are in somebody's hands
  std::uint32_t reopened_ = 0;   // in a row
  Instant since_{};
  Duration open_for_{};
  CallWindow window_;
  std::uint64_t opened_ = 0;
  std::uint64_t stale_ = 0;
  std::uint64_t would_have_opened_ = 0;
  std::array<Change, 2> pending_{};
};

}  // namespace ordeal::pool::core

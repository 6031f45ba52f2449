#include "testing/model/naive_circuit.hpp"

#include <algorithm>

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::BreakerRule;
using pool::CircuitState;

namespace {

// Rounds down, also before the epoch.
std::int64_t slice_of(Instant at, const CircuitOptions& options) {
  const std::int64_t width = (options.window / options.window_slices).count();
  const std::int64_t count = at.time_since_epoch().count();
  return count >= 0 ? count / width : -((-count + width - 1) / width);
}

}  // namespace

void NaiveCircuit::Visits::add(const Visits& other) {
  opened += other.opened;
  half_opened += other.half_opened;
  reopened += other.reopened;
  expired += other.expired;
  closed_again += other.closed_again;
  limited += other.limited;
  stale += other.stale;
  ordered += other.ordered;
  would_have_opened += other.would_have_opened;
  slow_trips += other.slow_trips;
}

void NaiveCircuit::move_to(CircuitState to, Instant at) {
  state_ = to;
  since_ = at;
  ++transitions_;
  first_permit_ = permits_ + 1;
  running_.clear();
  issued_ = 0;
  results_.clear();
}

Duration NaiveCircuit::period() const {
  // Small numbers in all tests: no overflow to think of.
  std::int64_t period = options_.open_base.count();
  for (std::uint64_t i = 0; i < sent_back_; ++i) {
    period = std::min(options_.open_max.count(), period * options_.growth_percent / 100);
  }
  return Duration{period};
}

Duration NaiveCircuit::period_with_jitter() const {
  const std::int64_t period_ns = period().count();
  return std::min(options_.open_max,
                  Duration{period_ns + period_ns * options_.jitter_percent / 100});
}

void NaiveCircuit::expire(Instant now) {
  if (state_ != CircuitState::half_open || now - since_ < options_.half_open_expiry) return;
  if (!running_.empty()) ++sent_back_;
  move_to(CircuitState::open, since_ + options_.half_open_expiry);
  ++visits_.reopened;
  ++visits_.expired;
}

bool NaiveCircuit::has_permit() const {
  return running_.size() < options_.half_open_max &&
         issued_ < std::max(options_.half_open_max, options_.successes);
}

const char* NaiveCircuit::admitted(Instant now, std::uint64_t& permit) {
  expire(now);
  permit = ++permits_;
  switch (state_) {
    case CircuitState::forced_open:
      return "(B5 9) a circuit that is forced open admits a call";
    case CircuitState::open:
      if (now < since_ + period()) return "(32, B5 4) an open circuit admits a call";
      --permits_;
      move_to(CircuitState::half_open, now);
      ++permits_;
      ++visits_.half_opened;
      break;
    case CircuitState::half_open:
      if (!has_permit()) return "(33, B5 1) a half-open circuit admits more than its trials";
      break;
    case CircuitState::closed:
    case CircuitState::disabled:
    case CircuitState::observe:
      return nullptr;
  }
  running_.insert(permit);
  ++issued_;
  return nullptr;
}

bool NaiveCircuit::may_refuse(Instant now) const {
  switch (state_) {
    case CircuitState::open:
      return now < since_ + period_with_jitter();
    case CircuitState::half_open:
      return !has_permit();
    case CircuitState::forced_open:
      return true;
    default:
      return false;
  }
}

bool NaiveCircuit::must_refuse_as_open(Instant now) const {
  return state_ == CircuitState::forced_open ||
         (state_ == CircuitState::open && now < since_ + period());
}

Instant NaiveCircuit::retry_from(Instant now) const {
  if (state_ == CircuitState::forced_open) return never;
  return state_ == CircuitState::open ? std::max(now, since_ + period()) : now;
}

const char* NaiveCircuit::refused(Instant now, bool half_open_limit) {
  expire(now);
  if (half_open_limit) {
    ++visits_.limited;
    if (state_ != CircuitState::half_open) return "(B5 2) a trial too many, and nothing is tried";
    return has_permit() ? "(B5 2) a trial is refused though a permit is free" : nullptr;
  }
  if (state_ == CircuitState::half_open) return "(B5 4) circuit_open, and the circuit is half-open";
  return may_refuse(now) ? nullptr : "(31, B5 4) a call is refused by a circuit that is not open";
}

bool NaiveCircuit::trips(Instant now) const {
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;
  std::uint64_t slow = 0;
  for (auto result = results_.rbegin(); result != results_.rend(); ++result) {
    if (options_.rule == BreakerRule::consecutive && calls == options_.failures) break;
    if (options_.rule == BreakerRule::call_rate && calls == options_.window_calls) break;
    if (options_.rule == BreakerRule::time_rate &&
        slice_of(now, options_) - slice_of(result->at, options_) >= options_.window_slices) {
      break;
    }
    ++calls;
    failed += result->failed;
    slow += result->slow;
  }
  if (options_.rule == BreakerRule::consecutive) return failed == options_.failures;
  if (calls < options_.min_calls) return false;
  return failed * 100 >= calls * options_.failure_percent ||
         (options_.slow_call > Duration::zero() && slow * 100 >= calls * options_.slow_percent);
}

void NaiveCircuit::ended(std::uint64_t permit, Outcome outcome, Duration took, Instant now) {
  expire(now);
  if (permit < first_permit_) {
    visits_.stale += outcome != Outcome::neutral;
    return;
  }
  running_.erase(permit);
  if (outcome == Outcome::neutral) {
    if (state_ == CircuitState::half_open) --issued_;
    return;
  }
  if (state_ == CircuitState::disabled) return;
  const bool failed = outcome == Outcome::failure;
  const bool slow = options_.rule != BreakerRule::consecutive &&
                    options_.slow_call > Duration::zero() && took >= options_.slow_call;
  results_.push_back({now, failed, slow});
  if (state_ == CircuitState::half_open) {
    if (failed || slow) {
      ++sent_back_;
      move_to(CircuitState::open, now);
      ++visits_.reopened;
    } else if (results_.size() >= options_.successes) {
      move_to(CircuitState::closed, now);
      sent_back_ = 0;
      ++visits_.closed_again;
    }
    return;
  }
  if (!trips(now)) return;
  if (state_ == CircuitState::observe) {
    ++visits_.would_have_opened;
    results_.clear();
    return;
  }
  visits_.slow_trips += !failed;
  move_to(CircuitState::open, now);
  ++visits_.opened;
}

void NaiveCircuit::ordered(CircuitOrder order, Instant now) {
  expire(now);
  CircuitState to = CircuitState::closed;
  switch (order) {
    case CircuitOrder::force_open:
      to = CircuitState::forced_open;
      break;
    case CircuitOrder::disable:
      to = CircuitState::disabled;
      break;
    case CircuitOrder::observe:
      to = CircuitState::observe;
      break;
    case CircuitOrder::enable:
      if (state_ == CircuitState::closed || state_ == CircuitState::open ||
          state_ == CircuitState::half_open) {
        return;
      }
      break;
    case CircuitOrder::reset:
      break;
    case CircuitOrder::trip:
      if (state_ != CircuitState::closed && state_ != CircuitState::half_open) return;
      sent_back_ += state_ == CircuitState::half_open;
      move_to(CircuitState::open, now);
      ++visits_.opened;
      ++visits_.ordered;
      return;
  }
  if (to == state_ && order != CircuitOrder::reset) return;
  move_to(to, now);
  if (to == CircuitState::closed) sent_back_ = 0;
  ++visits_.ordered;
}

const char* NaiveCircuit::compare(const Circuit& circuit, Instant now) const {
  if (circuit.state() != state_) return "(31, B5 8) the circuit is in another state";
  if (circuit.epoch() != transitions_ + 1) return "(B5 8) each transition raises the epoch by one";
  if (circuit.stale() != visits_.stale) return "(35, B5 6) stale results are counted";
  if (circuit.would_have_opened() != visits_.would_have_opened) {
    return "(B5 9) what observe would have opened is counted";
  }
  if (circuit.permits_out() != running_.size()) return "(33) the permits that are out are counted";
  if (!is_wait(circuit.time_until_retry(now), now)) return "(36, 37) time_until_retry is another";
  return nullptr;
}

bool NaiveCircuit::is_wait(Duration wait, Instant now) const {
  if (state_ == CircuitState::forced_open) return true;  // until somebody orders otherwise
  if (state_ != CircuitState::open) return wait == Duration::zero();
  return wait >= std::max(Duration::zero(), since_ + period() - now) &&
         wait <= std::max(Duration::zero(), since_ + period_with_jitter() - now);
}

}  // namespace ordeal::trial

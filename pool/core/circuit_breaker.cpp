#include "pool/core/circuit_breaker.hpp"

#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/names.hpp"
#include "pool/core/random.hpp"

namespace ordeal::pool::core {
namespace {

constexpr std::uint64_t hundred = 100;

CallWindow window_of(const CircuitOptions& options) {
  switch (options.rule) {
    case BreakerRule::consecutive:
      break;
    case BreakerRule::call_rate:
      return CallWindow::over_calls(options.window_calls);
    case BreakerRule::time_rate:
      return CallWindow::over_time(options.window_slices, options.window / options.window_slices);
  }
  return {};
}

// duration * percent / 100, at most cap; hundredths and rest apart, so that nothing overflows.
// REQUIRES: duration <= cap.
Duration percent_of(Duration duration, std::uint32_t percent, Duration cap) {
  const std::int64_t p = percent;
  if (duration / 100 > cap / std::max<std::int64_t>(p, 1)) return cap;
  return std::min(cap, duration / 100 * p + Duration{duration.count() % 100 * p / 100});
}

}  // namespace

Circuit::Circuit(const CircuitOptions& options, std::uint64_t seed)
    : options_(&options), seed_(seed), window_(window_of(options)) {
  ORDEAL_ASSERT(options.failures >= 1 && options.successes >= 1 && options.half_open_max >= 1,
                "a circuit counts to one at least");
  ORDEAL_ASSERT(options.open_base <= options.open_max, "an open period is within its cap");
}

Circuit::Verdict Circuit::ask(Instant now) {
  if (state_ == CircuitState::closed) return Verdict::admitted;
  expire(now);
  switch (state_) {
    case CircuitState::open:
      return time_until_retry(now) > Duration::zero() ? Verdict::open : Verdict::admitted;
    case CircuitState::half_open:
      return has_permit() ? Verdict::admitted : Verdict::half_open_limit;
    case CircuitState::forced_open:
      return Verdict::open;
    case CircuitState::closed:
    case CircuitState::disabled:
    case CircuitState::observe:
      break;
  }
  return Verdict::admitted;
}

Circuit::Acquired Circuit::acquire(Instant now) {
  const Verdict verdict = ask(now);
  if (verdict != Verdict::admitted) return {verdict, 0};
  if (state_ == CircuitState::open) move_to(CircuitState::half_open, now, now);
  if (state_ == CircuitState::half_open) {
    ++issued_;
    ++out_;
  }
  return {verdict, epoch_};
}

Circuit::Reported Circuit::report(std::uint64_t epoch, Outcome outcome, Duration took,
                                  Instant now) {
  expire(now);
  if (epoch != epoch_) {
    if (outcome == Outcome::neutral) return Reported::ignored;
    ++stale_;
    return Reported::stale;
  }
  if (state_ == CircuitState::half_open) {
    ORDEAL_ASSERT(out_ > 0, "a permit comes back once");
    --out_;
  }
  if (outcome == Outcome::neutral) {
    if (state_ == CircuitState::half_open) --issued_;
    return Reported::ignored;
  }
  if (state_ == CircuitState::disabled) return Reported::ignored;
  const bool failed = outcome == Outcome::failure;
  const bool slow = options_->rule != BreakerRule::consecutive &&
                    options_->slow_call > Duration::zero() && took >= options_->slow_call;
  state_ == CircuitState::half_open ? judge_trial(failed || slow, now) : record(failed, slow, now);
  return Reported::counted;
}

// The decision falls as soon as it can: one failure cannot be made good, `successes` are enough.
void Circuit::judge_trial(bool failed, Instant now) {
  if (failed) {
    failures_in_row_ = 1;
    ++reopened_;
    return open(now, now);
  }
  if (++successes_ < options_->successes) return;
  move_to(CircuitState::closed, now, now);
  reopened_ = 0;
}

void Circuit::record(bool failed, bool slow, Instant now) {
  failures_in_row_ = failed ? failures_in_row_ + 1 : 0;
  window_.record(now, failed, slow);
  if (!trips(failed)) return;
  if (state_ == CircuitState::closed) return open(now, now);
  ++would_have_opened_;
  failures_in_row_ = 0;
  window_.clear();
}

bool Circuit::trips(bool failed) const {
  if (options_->rule == BreakerRule::consecutive) {
    return failed && failures_in_row_ >= options_->failures;
  }
  const CallWindow::Sums& sums = window_.sums();
  if (sums.calls < options_->min_calls) return false;
  const std::uint64_t calls = sums.calls;
  return sums.failed * hundred >= options_->failure_percent * calls ||
         (options_->slow_call > Duration::zero() &&
          sums.slow * hundred >= options_->slow_percent * calls);
}

bool Circuit::has_permit() const {
  return out_ < options_->half_open_max &&
         issued_ < std::max(options_->half_open_max, options_->successes);
}

void Circuit::expire(Instant now) {
  if (state_ != CircuitState::half_open) return;
  const Instant until = after(since_, options_->half_open_expiry);
  if (now < until) return;
  // Trials that hang are a sign; that nobody called is none.
  if (out_ > 0) ++reopened_;
  open(until, now);
}

void Circuit::open(Instant at, Instant now) {
  ++opened_;
  move_to(CircuitState::open, at, now);
}

void Circuit::move_to(CircuitState to, Instant at, Instant now) {
  Change change{.from = state_, .to = to, .failures = failures()};
  ++epoch_;
  state_ = to;
  since_ = at;
  failures_in_row_ = 0;
  successes_ = 0;
  issued_ = 0;
  out_ = 0;
  window_.clear();
  if (to == CircuitState::open) open_for_ = open_period();
  change.retry_after = time_until_retry(now);
  ORDEAL_ASSERT(changes_ < pending_.size(), "whoever drives a circuit takes its changes");
  pending_[changes_++] = change;
}

Duration Circuit::open_period() const {
  Duration period = options_->open_base;
  for (std::uint32_t k = 0; k < reopened_ && period < options_->open_max; ++k) {
    const Duration next = percent_of(period, options_->growth_percent, options_->open_max);
    if (next == period) break;
    period = next;
  }
  const Duration room = options_->open_max - period;
  const Duration jitter =
      std::min(room, percent_of(period, options_->jitter_percent, Duration::max()));
  if (jitter <= Duration::zero()) return period;
  Random random(seed_ ^ epoch_);
  return period + Duration{random.between(0, jitter.count())};
}

void Circuit::order(CircuitOrder order, Instant now) {
  const auto by_hand = [&](CircuitState to) {
    if (state_ != to) move_to(to, now, now);
  };
  switch (order) {
    case CircuitOrder::force_open:
      return by_hand(CircuitState::forced_open);
    case CircuitOrder::disable:
      return by_hand(CircuitState::disabled);
    case CircuitOrder::observe:
      return by_hand(CircuitState::observe);
    case CircuitOrder::enable:
      if (state_ <= CircuitState::half_open) return;
      [[fallthrough]];
    case CircuitOrder::reset:
      reopened_ = 0;
      return move_to(CircuitState::closed, now, now);
    case CircuitOrder::trip:
      if (state_ != CircuitState::closed && state_ != CircuitState::half_open) return;
      if (state_ == CircuitState::half_open) ++reopened_;
      return open(now, now);
  }
}

Duration Circuit::time_until_retry(Instant now) const {
  if (state_ == CircuitState::forced_open) return Duration::max();
  if (state_ != CircuitState::open) return Duration::zero();
  const Instant until = after(since_, open_for_);
  return until > now ? until - now : Duration::zero();
}

std::optional<Instant> Circuit::half_open_until() const {
  if (state_ != CircuitState::half_open) return std::nullopt;
  return after(since_, options_->half_open_expiry);
}

std::uint32_t Circuit::failures() const {
  return options_->rule == BreakerRule::consecutive || state_ == CircuitState::half_open
             ? failures_in_row_
             : window_.sums().failed;
}

std::optional<Circuit::Change> Circuit::pop_change() {
  const Change first = pending_[0];
  pending_[0] = pending_[1];
  --changes_;
  return first;
}

}  // namespace ordeal::pool::core

namespace ordeal::pool {

std::string_view to_string(CircuitState state) { return core::name_of(state); }

}  // namespace ordeal::pool

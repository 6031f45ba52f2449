#include "pool/migration/rollout.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "pool/core/assert.hpp"

namespace ordeal::pool::migration {
namespace {

constexpr std::uint64_t parts_of_whole = 1'000'000;  // shares are drawn as so many parts

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

double wilson_lower(std::uint64_t hits, std::uint64_t all) {
  if (all == 0) return 0;
  constexpr double z = 1.959964;
  const auto n = static_cast<double>(all);
  const double p = static_cast<double>(hits) / n;
  const double middle = p + z * z / (2 * n);
  const double spread = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return std::max(0.0, (middle - spread) / (1 + z * z / n));
}

Rollout::Rollout(RolloutRules rules, std::uint64_t seed, Instant now)
    : rules_(std::move(rules)), random_(seed), stage_began_(now) {
  ORDEAL_ASSERT(broken_rule(rules_).empty(), "the rules of a rollout are sound");
}

double Rollout::share() const {
  if (state_ == State::failed) return 0;
  return state_ == State::passed ? 1 : rules_.shares[stage_];
}

Version Rollout::next() {
  const auto parts = static_cast<std::uint64_t>(std::llround(share() * parts_of_whole));
  return random_.chance(parts, parts_of_whole) ? Version::new_one : Version::old_one;
}

void Rollout::record(Version version, bool failed, std::chrono::nanoseconds latency, Instant now) {
  if (state_ != State::running) return;
  Seen& seen = version == Version::new_one ? new_ : old_;
  ++seen.answered;
  ++seen.stage_answered;
  if (failed) {
    ++seen.failed;
    ++seen.stage_failed;
  } else {
    seen.latencies.add(latency);
  }
  reason_ = breach();
  if (!reason_.empty()) {
    state_ = State::failed;
  } else {
    advance(now);
  }
}

void Rollout::advance(Instant now) {
  if (new_.stage_answered < rules_.stage_requests || now - stage_began_ < rules_.stage_time) return;
  if (stage_ + 1 == rules_.shares.size()) {
    state_ = State::passed;
    return;
  }
  ++stage_;
  stage_began_ = now;
  new_.stage_answered = new_.stage_failed = 0;
  new_.latencies.clear();
}

// Three times of what fails half the time is never: then half of what did not fail may.
double Rollout::error_limit() const {
  const double rate = old_.answered == 0
                          ? 0
                          : static_cast<double>(old_.failed) / static_cast<double>(old_.answered);
  return std::max(rules_.error_rate_max,
                  std::min(rules_.error_ratio_max * rate, rate + (1 - rate) / 2));
}

std::string Rollout::breach() const {
  if (const double limit = error_limit();
      new_.stage_failed >= rules_.failures_min &&
      wilson_lower(new_.stage_failed, new_.stage_answered) > limit) {
    return fmt::format(
        "the new version failed {} of {} requests at a share of {:g}; {:.1f} % may, "
        "since the old one failed {} of {}",
        new_.stage_failed, new_.stage_answered, share(), 100 * limit, old_.failed, old_.answered);
  }
  if (std::min(old_.latencies.count(), new_.latencies.count()) >= rules_.latency_requests) {
    const auto before = old_.latencies.percentile(rules_.latency_percent);
    const auto after = new_.latencies.percentile(rules_.latency_percent);
    const bool slower = milliseconds(after) > rules_.latency_ratio_max * milliseconds(before) &&
                        after - before > rules_.latency_floor;
    if (slower) {
      return fmt::format(
          "p{} of the new version is {:.2f} ms at a share of {:g}; {:g} times the old "
          "one's {:.2f} ms may be",
          rules_.latency_percent, milliseconds(after), share(), rules_.latency_ratio_max,
          milliseconds(before));
    }
  }
  return {};
}

VersionFigures Rollout::figures(Version version) const {
  const Seen& seen = version == Version::new_one ? new_ : old_;
  return {.answered = seen.answered,
          .failed = seen.failed,
          .latency = seen.latencies.percentile(rules_.latency_percent)};
}

std::string broken_rule(const RolloutRules& rules) {
  if (rules.shares.empty()) return "rollout.shares: at least one share";
  double before = 0;
  for (const double share : rules.shares) {
    if (!(share > before && share <= 1)) {
      return fmt::format("rollout.shares {:g}: each greater than the one before it, at most 1",
                         share);
    }
    before = share;
  }
  const auto out = [](const char* name, double value, const char* allowed) {
    return fmt::format("rollout.{} {:g}: {}", name, value, allowed);
  };
  if (rules.stage_requests == 0) return out("stage_requests", 0, "at least 1");
  if (rules.failures_min == 0) return out("failures_min", 0, "at least 1");
  if (!(rules.error_rate_max >= 0 && rules.error_rate_max < 1)) {
    return out("error_rate_max", rules.error_rate_max, "at least 0 and below 1");
  }
  if (!(rules.error_ratio_max >= 1)) {
    return out("error_ratio_max", rules.error_ratio_max, "at least 1");
  }
  if (rules.latency_percent < 1 || rules.latency_percent > 100) {
    return out("latency_percent", rules.latency_percent, "1 to 100");
  }
  if (!(rules.latency_ratio_max >= 1)) {
    return out("latency_ratio_max", rules.latency_ratio_max, "at least 1");
  }
  if (rules.latency_requests == 0 || rules.latency_requests > 512) {
    return out("latency_requests", static_cast<double>(rules.latency_requests), "1 to 512");
  }
  return {};
}

}  // namespace ordeal::pool::migration

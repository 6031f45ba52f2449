#include "pool/core/retry_budget.hpp"

#include <algorithm>

namespace ordeal::pool::core {
namespace {

// A retry a second is a thousand milli-tokens in a thousand million nanoseconds.
constexpr std::int64_t nanoseconds_for_a_token = 1'000'000;

}  // namespace

RetryBudget::RetryBudget(const RetryBudgetOptions& options)
    : capacity_(std::int64_t{options.retries_max} * retry_cost),
      earned_(std::int64_t{options.percent} * retry_cost / 100),
      per_second_(options.per_second),
      tokens_(capacity_) {}

std::int64_t RetryBudget::tokens() const {
  if (earned_ == 0) return tokens_;
  // So many fill the bucket whatever is in it.
  const std::int64_t earners = std::min(earners_, capacity_ / earned_ + 1);
  return std::min(capacity_, tokens_ + earners * earned_);
}

void RetryBudget::pay_in() {
  tokens_ = tokens();
  earners_ = 0;
}

void RetryBudget::accrue(Instant now) {
  const Duration passed = now - accrued_until_;
  accrued_until_ = now;
  if (per_second_ == 0) return;
  // After so long the bucket is full whatever was in it; also keeps the product below in range.
  const std::int64_t full_after = capacity_ * (nanoseconds_for_a_token / per_second_ + 1);
  if (passed.count() >= full_after) {
    tokens_ = capacity_;
    rest_ = 0;
    return;
  }
  const std::int64_t accrued = passed.count() * per_second_ + rest_;
  tokens_ = std::min(capacity_, tokens_ + accrued / nanoseconds_for_a_token);
  rest_ = accrued % nanoseconds_for_a_token;
}

bool RetryBudget::charge(Instant now) {
  pay_in();
  accrue(now);
  if (tokens_ < retry_cost) return false;
  tokens_ -= retry_cost;
  return true;
}

void RetryBudget::refund() {
  pay_in();
  tokens_ = std::min(capacity_, tokens_ + retry_cost);
}

}  // namespace ordeal::pool::core

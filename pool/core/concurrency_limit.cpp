#include "pool/core/concurrency_limit.hpp"

#include "pool/core/assert.hpp"

namespace ordeal::pool::core {
namespace {

constexpr std::int64_t samples_min = 10;
constexpr std::int64_t gradient_one = 1000;
constexpr std::int64_t gradient_least = 500;
constexpr std::int64_t smoothing = 5;
// The usual time follows a lesser one soon and a greater one slowly.
constexpr std::int64_t follows_down = 4;
constexpr std::int64_t follows_up = 64;
// No product overflows: a window holds twice a million answers at most.
constexpr Duration longest = std::chrono::hours{1};

std::int64_t root_of(std::int64_t square) {
  std::int64_t root = 1;
  while ((root + 1) * (root + 1) <= square) ++root;
  return root;
}

}  // namespace

ConcurrencyLimit::ConcurrencyLimit(const LimitRules& rules, std::uint32_t first)
    : rules_(rules), limit_(one * std::clamp(first, rules.min, std::max(rules.min, rules.max))) {
  ORDEAL_ASSERT(rules.min >= 1, "somebody is always let in");
  ORDEAL_ASSERT(!rules.on() || rules.min <= rules.max, "the least limit is no more than the most");
}

bool ConcurrencyLimit::admits(std::uint32_t inside) {
  const bool admitted = inside < limit();
  if (admitted) inside_max_ = std::max(inside_max_, inside + 1);
  return admitted;
}

void ConcurrencyLimit::note_answer(Duration in_all, Duration in_worker) {
  ++answers_;
  in_all_ += std::min(in_all, longest);
  in_worker_ += std::min(in_worker, longest);
  if (answers_ + missed_ >= std::max<std::int64_t>(samples_min, 2 * limit())) close_window();
}

void ConcurrencyLimit::note_missed_deadline() {
  ++missed_;
  if (answers_ + missed_ >= std::max<std::int64_t>(samples_min, 2 * limit())) close_window();
}

void ConcurrencyLimit::close_window() {
  std::int64_t next = limit_;
  if (10 * missed_ >= answers_ + missed_) {
    next = limit_ * 9 / 10;
  } else {
    const Duration in_worker = std::max(in_worker_ / answers_, Duration{1});
    const Duration in_all = std::max(in_all_ / answers_, Duration{1});
    if (usual_ == Duration::zero()) usual_ = in_worker;
    const std::int64_t gradient =
        std::clamp<std::int64_t>(std::min(usual_, in_worker).count() * rules_.tolerance_percent /
                                     100 * gradient_one / in_all.count(),
                                 gradient_least, gradient_one);
    const std::int64_t target = limit_ * gradient / gradient_one + one * root_of(limit_ / one);
    next = limit_ + (target - limit_) / smoothing;
    if (next > limit_ && 2 * static_cast<std::int64_t>(inside_max_) < limit()) next = limit_;
    usual_ += (in_worker - usual_) / (in_worker < usual_ ? follows_down : follows_up);
  }
  limit_ = std::clamp(next, one * std::int64_t{rules_.min}, one * std::int64_t{rules_.max});
  inside_max_ = 0;
  answers_ = missed_ = 0;
  in_all_ = in_worker_ = Duration::zero();
}

}  // namespace ordeal::pool::core

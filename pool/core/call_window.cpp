#include "pool/core/call_window.hpp"

#include <algorithm>

#include "pool/core/assert.hpp"

namespace ordeal::pool::core {

CallWindow CallWindow::over_calls(std::uint32_t calls) {
  ORDEAL_ASSERT(calls >= 1, "a window over calls holds at least one");
  CallWindow window;
  window.ring_.resize(calls);
  return window;
}

CallWindow CallWindow::over_time(std::uint32_t slices, Duration width) {
  ORDEAL_ASSERT(slices >= 1 && width > Duration::zero(), "a window over time has some width");
  CallWindow window;
  window.ring_.resize(slices);
  window.width_ = width;
  return window;
}

void CallWindow::take_off(const Sums& entry) {
  sums_.calls -= entry.calls;
  sums_.failed -= entry.failed;
  sums_.slow -= entry.slow;
}

// The oldest entry makes room for this one.
void CallWindow::push(const Sums& entry) {
  newest_ = newest_ + 1 == ring_.size() ? 0 : newest_ + 1;
  take_off(ring_[newest_]);
  ring_[newest_] = entry;
  sums_.calls += entry.calls;
  sums_.failed += entry.failed;
  sums_.slow += entry.slow;
}

void CallWindow::forget(Instant now) {
  if (width_ == Duration::zero()) return;
  const std::int64_t since_epoch = now.time_since_epoch().count();
  std::int64_t slice = since_epoch / width_.count();
  if (since_epoch % width_.count() < 0) --slice;  // rounds down, also before the epoch
  const std::int64_t passed = slice - slice_;
  slice_ = slice;
  if (sums_.calls == 0) return;
  const auto stale = std::min<std::int64_t>(passed, static_cast<std::int64_t>(ring_.size()));
  for (std::int64_t i = 0; i < stale; ++i) push({});
}

void CallWindow::record(Instant now, bool failed, bool slow) {
  if (ring_.empty()) return;
  const Sums one{1, failed ? 1U : 0U, slow ? 1U : 0U};
  if (width_ == Duration::zero()) return push(one);
  forget(now);
  Sums& slice = ring_[newest_];
  slice.calls += one.calls;
  slice.failed += one.failed;
  slice.slow += one.slow;
  sums_.calls += one.calls;
  sums_.failed += one.failed;
  sums_.slow += one.slow;
}

void CallWindow::clear() {
  std::fill(ring_.begin(), ring_.end(), Sums{});
  sums_ = {};
}

}  // namespace ordeal::pool::core

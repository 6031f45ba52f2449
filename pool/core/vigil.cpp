#include "pool/core/vigil.hpp"

#include <utility>

namespace ordeal::pool::core {
namespace {

// REQUIRES: both at the same request, nothing reported in between.
Stuck compare(const Sign& before, const Sign& now, bool beats) {
  const bool has_not_run = before.activity == now.activity && before.trace == now.trace;
  if (has_not_run && now.activity == Activity::stopped) return Stuck::stopped;
  if (has_not_run && now.activity == Activity::locked) return Stuck::locked;
  // Who has had no processor has had none to beat with either.
  const bool could_beat = now.activity != Activity::unknown && before.trace != now.trace;
  const bool asleep = has_not_run && now.activity == Activity::waits;
  return beats && now.beats == 0 && (could_beat || asleep) ? Stuck::silent : Stuck::no;
}

}  // namespace

Stuck Vigil::judge(const Sign& sign, Instant now, Instant held_since, std::uint64_t answered,
                   bool beats) {
  const bool same = known_ && held_since <= looked_at_ && answered == answered_;
  const Stuck before = verdict_;
  verdict_ = same && sign.reports == 0 ? compare(last_, sign, beats) : Stuck::no;
  if (verdict_ != before || !same) since_ = verdict_ == Stuck::no ? now : looked_at_;
  known_ = true;
  last_ = sign;
  looked_at_ = now;
  answered_ = answered;
  return verdict_;
}

}  // namespace ordeal::pool::core

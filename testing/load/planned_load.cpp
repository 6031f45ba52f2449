#include "testing/load/planned_load.hpp"

#include <algorithm>
#include <bit>

namespace ordeal::trial {
namespace {

// Between the two, each doubling as likely as any other.
std::uint64_t draw_size(std::uint64_t low, std::uint64_t high, Random& random) {
  if (low >= high) return low;
  const int doublings_low = static_cast<int>(std::bit_width(std::max<std::uint64_t>(low, 1)));
  const int doublings_high = static_cast<int>(std::bit_width(high));
  const auto doubling = static_cast<int>(random.between(doublings_low, doublings_high));
  const std::uint64_t from = std::max(low, std::uint64_t{1} << (doubling - 1));
  const std::uint64_t to = std::min(high, (std::uint64_t{1} << (doubling - 1)) * 2 - 1);
  return from + random.below(to - from + 1);
}

}  // namespace

PlannedLoad::PlannedLoad(const LoadShape& shape, std::uint64_t seed)
    : shape_(shape),
      seeds_(seed),
      arrivals_(shape.rate, shape.spacing, seeds_.next()),
      service_random_(seeds_.next()),
      session_random_(seeds_.next()),
      payload_random_(seeds_.next()) {
  if (shape.sessions > 0) popularity_.emplace(shape.sessions, shape.sessions_skew_percent);
}

std::optional<PlannedCall> PlannedLoad::next() {
  const auto due = arrivals_.next();
  if (!due) return {};
  PlannedCall call{.number = number_++, .due = *due};
  call.service = draw_service_time(shape_.service, service_random_);
  call.payload_bytes =
      draw_size(shape_.payload_bytes_min, shape_.payload_bytes_max, payload_random_);
  if (popularity_) {
    const bool without = session_random_.chance(shape_.sessionless_percent, 100);
    const std::uint32_t session = popularity_->draw(session_random_);
    if (!without) call.session = session;
  }
  return call;
}

}  // namespace ordeal::trial

#include "testing/load/history.hpp"

#include <algorithm>

#include "pool/runtime/clock.hpp"

namespace ordeal::trial {

TimePoint time_now() { return pool::runtime::to_steady(pool::runtime::now()); }

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::pending:
      return "pending";
    case Outcome::ok:
      return "ok";
    case Outcome::failed:
      return "failed";
    case Outcome::indeterminate:
      return "indeterminate";
    case Outcome::lost:
      return "lost";
  }
  return "?";
}

std::uint64_t History::count(Outcome outcome) const {
  const auto is = [outcome](const CallRecord& call) { return call.outcome == outcome; };
  return static_cast<std::uint64_t>(std::count_if(calls.begin(), calls.end(), is));
}

LatencySummary summarize_latency(const History& history) {
  std::vector<double> micros;
  for (const CallRecord& call : history.calls) {
    if (call.outcome != Outcome::ok) continue;
    micros.push_back(
        std::chrono::duration<double, std::micro>(call.ended_at - call.wanted_at()).count());
  }
  if (micros.empty()) return {};
  std::sort(micros.begin(), micros.end());
  const auto rank = [&micros](std::size_t per_mille) {
    const std::size_t position = (micros.size() * per_mille + 999) / 1000;
    return micros[std::max<std::size_t>(position, 1) - 1];
  };
  return {.count = micros.size(),
          .p50_us = rank(500),
          .p90_us = rank(900),
          .p99_us = rank(990),
          .p999_us = rank(999),
          .max_us = micros.back()};
}

}  // namespace ordeal::trial

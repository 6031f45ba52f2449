#include "pool/core/outliers.hpp"

#include <algorithm>
#include <optional>

namespace ordeal::pool::core {
namespace {

constexpr std::uint32_t others_part = 4;
constexpr std::uint64_t slowness_max = 1'000'000'000;

struct Others {
  std::uint64_t answers = 0;
  std::uint64_t failures = 0;
  Duration time{};
};

// All together: one that fails at once is always free, and leaves little to the others.
Others others_of(std::span<const Candidate> all, const Candidate& self) {
  Others others;
  for (const Candidate& c : all) {
    if (&c == &self || c.out) continue;
    others.answers += c.performance.answers;
    others.failures += c.performance.failures;
    others.time += c.performance.time;
  }
  return others;
}

struct Standing {
  Chosen chosen;
  std::uint64_t badness = 0;
};

// Failures weigh more than any slowness.
std::optional<Standing> stands_out(std::span<const Candidate> all, const Candidate& c,
                                   const OutlierRules& rules) {
  const Performance& p = c.performance;
  if (c.out || p.answers < rules.requests_min || p.answers == 0) return std::nullopt;
  const Others others = others_of(all, c);
  if (others.answers < std::max(rules.requests_min / others_part, 1U)) return std::nullopt;
  const std::uint64_t percent = std::uint64_t{100} * p.failures / p.answers;
  const bool often = percent >= rules.failure_percent && p.failures > 0;
  // failures / answers > 2 * others.failures / others.answers
  const bool more_often =
      std::uint64_t{p.failures} * others.answers > 2 * others.failures * std::uint64_t{p.answers};
  if (often && more_often) {
    return Standing{{c.worker, OutlierReason::failures}, slowness_max + 1 + percent};
  }
  if (rules.slow_percent == 0) return std::nullopt;
  const Duration mean = p.time / static_cast<Duration::rep>(p.answers);
  const Duration usual = others.time / static_cast<Duration::rep>(others.answers);
  const std::int64_t hundredth = std::max<std::int64_t>(usual.count() / 100, 1);
  const auto slowness = static_cast<std::uint64_t>(mean.count() / hundredth);
  if (slowness < rules.slow_percent) return std::nullopt;
  return Standing{{c.worker, OutlierReason::latency}, std::min(slowness, slowness_max)};
}

}  // namespace

std::vector<Chosen> choose_outliers(std::span<const Candidate> candidates,
                                    const OutlierRules& rules) {
  std::vector<Standing> standing;
  std::size_t out = 0;
  for (const Candidate& c : candidates) {
    out += c.out ? 1 : 0;
    if (const auto s = stands_out(candidates, c, rules)) standing.push_back(*s);
  }
  std::sort(standing.begin(), standing.end(), [](const Standing& a, const Standing& b) {
    return a.badness != b.badness ? a.badness > b.badness : a.chosen.worker < b.chosen.worker;
  });
  std::vector<Chosen> chosen;
  for (const Standing& s : standing) {
    const std::size_t would_be_out = out + chosen.size() + 1;
    const bool too_many = 100 * would_be_out > rules.share_percent * candidates.size();
    const bool too_few_left = would_be_out + rules.healthy_min > candidates.size();
    if (too_many || too_few_left) break;
    chosen.push_back(s.chosen);
  }
  return chosen;
}

Duration time_out(const OutlierRules& rules, std::uint32_t times) {
  const auto most = std::max<Duration::rep>(rules.time_max / std::max(rules.time, Duration{1}), 1);
  return std::min(rules.time * std::min<Duration::rep>(times, most + 1), rules.time_max);
}

}  // namespace ordeal::pool::core

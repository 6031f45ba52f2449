// (bug class 15) Who stands out from the others, by its definition: in fractions, and one by one.
#include <algorithm>
#include <vector>

#include "pool/core/outliers.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using namespace std::chrono_literals;

namespace {

struct Others {
  double answers = 0, failures = 0, time = 0;
};

Others others_of(const std::vector<Candidate>& all, std::size_t self) {
  Others others;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == self || all[i].out) continue;
    others.answers += all[i].performance.answers;
    others.failures += all[i].performance.failures;
    others.time += static_cast<double>(all[i].performance.time.count());
  }
  return others;
}

std::string check_chosen(const std::vector<Candidate>& all, const OutlierRules& rules,
                         const Chosen& chosen) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Candidate& c) { return c.worker == chosen.worker; });
  if (found == all.end() || found->out) return "one is chosen that is out already";
  const Performance& own = found->performance;
  const Others others = others_of(all, static_cast<std::size_t>(found - all.begin()));
  if (own.answers < rules.requests_min || 4 * others.answers + 3 < rules.requests_min) {
    return "one is chosen by too few answers";
  }
  if (chosen.reason == OutlierReason::failures) {
    const double rate = 100.0 * own.failures / own.answers;
    if (rate + 1e-9 < rules.failure_percent) return "one is chosen that does not fail often";
    if (rate <= 200.0 * others.failures / others.answers) {
      return "one is chosen that fails as the others do";
    }
    return {};
  }
  const double mean = static_cast<double>(own.time.count()) / own.answers;
  const double usual = others.time / others.answers;
  const bool slow = rules.slow_percent > 0 && 100 * mean * 1.05 >= rules.slow_percent * usual;
  return slow ? "" : "one is chosen that is as quick as the others";
}

std::string check(const std::vector<Candidate>& all, const OutlierRules& rules) {
  const std::vector<Chosen> chosen = choose_outliers(all, rules);
  std::size_t out = chosen.size();
  for (const Candidate& c : all) out += c.out ? 1 : 0;
  for (const Chosen& one : chosen) {
    if (std::string error = check_chosen(all, rules, one); !error.empty()) return error;
  }
  if (!chosen.empty() && 100 * out > rules.share_percent * all.size()) {
    return "more are out than their share";
  }
  if (!chosen.empty() && out + rules.healthy_min > all.size()) return "too few are left in";
  // Nobody is overlooked that fails always, while the others never do and there is room.
  if (!chosen.empty() || 100 * (out + 1) > rules.share_percent * all.size()) return {};
  if (out + 1 + rules.healthy_min > all.size()) return {};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Performance& own = all[i].performance;
    const Others others = others_of(all, i);
    if (all[i].out || own.answers < rules.requests_min || own.failures < own.answers) continue;
    if (others.failures > 0 || others.answers < std::max(rules.requests_min, 1U)) continue;
    return "nobody is chosen, and one alone fails, always";
  }
  return {};
}

}  // namespace

std::string walk_outliers(Random& random, std::uint32_t steps) {
  for (std::uint32_t step = 0; step < steps; ++step) {
    const OutlierRules rules{.interval = 10ms,
                             .time = random.between(1, 9) * 1ms,
                             .time_max = random.between(10, 30) * 1ms,
                             .requests_min = static_cast<std::uint32_t>(random.between(1, 12)),
                             .failure_percent = static_cast<std::uint32_t>(random.between(1, 100)),
                             .slow_percent = random.chance(1, 2) ? 0U : 200U,
                             .share_percent = static_cast<std::uint32_t>(random.between(0, 100)),
                             .healthy_min = static_cast<std::uint32_t>(random.between(1, 3))};
    const auto times = static_cast<std::uint32_t>(random.between(1, 40));
    const Duration out_for = std::min<Duration>(rules.time * times, rules.time_max);
    if (time_out(rules, times) != out_for) return "one is out for another time than it has to be";
    std::vector<Candidate> all(static_cast<std::size_t>(random.between(1, 6)));
    const bool alike = random.chance(1, 4);  // then it is not the worker
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto answers = static_cast<std::uint32_t>(random.between(0, 30));
      const bool fails = alike || random.chance(1, 4);
      const auto failures = fails ? (random.chance(1, 2) ? answers : answers / 2) : 0;
      const Duration each = random.between(1, random.chance(1, 4) ? 90 : 10) * 1ms;
      all[i] = {.worker = static_cast<std::uint32_t>(i),
                .performance = {.answers = answers, .failures = failures, .time = each * answers},
                .out = random.chance(1, 8)};
    }
    if (std::string error = check(all, rules); !error.empty()) return "(bug 15) " + error;
  }
  return {};
}

}  // namespace ordeal::trial

#include "chaos/experiment/load_target.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ordeal/pool/session.hpp"
#include "testing/load/pool_answer.hpp"

namespace ordeal::chaos {
namespace {

using trial::Answer;
using trial::answer_of;

std::string session_name(std::uint64_t number) { return fmt::format("chaos-{}", number); }

}  // namespace

Answer PlannedCalls::call(std::string_view command, std::string_view arguments,
                          TimePoint deadline) {
  if (plan_.sessions > 0) {
    if (auto failed = count_up()) return *failed;
  }
  pool::CallOptions options{.deadline = deadline, .idempotent = plan_.idempotent};
  if (plan_.retries > 0) {
    options.retry = pool::RetryPolicy{.max_retries = plan_.retries,
                                      .base_delay = milliseconds{5},
                                      .max_delay = milliseconds{100}};
  }
  return answer_of(pool_.call(command, pool::JsonText{arguments}, options));
}

milliseconds PlannedCalls::patience() const {
  // Longer than the store's own (2 s, pool/store), after which it refuses; callers stand in line.
  constexpr milliseconds of_a_store{2'500};
  return plan_.sessions > 0 ? plan_.callers * of_a_store : milliseconds{0};
}

std::optional<Answer> PlannedCalls::count_up() {
  const std::uint64_t turn = turns_.fetch_add(1);
  auto updated = pool_.session(session_name(turn % plan_.sessions)).update([](json& data) {
    data["count"] = data.value("count", std::uint64_t{0}) + 1;
  });
  if (updated) {
    acknowledged_.fetch_add(1);
    return {};
  }
  unknown_.fetch_add(1);
  return answer_of(std::move(updated.error()));
}

SessionAccount PlannedCalls::account() {
  SessionAccount account{.acknowledged = acknowledged_.load(), .unknown = unknown_.load()};
  if (plan_.sessions == 0) return account;
  account.checked = true;
  for (std::uint32_t number = 0; number < plan_.sessions; ++number) {
    const auto data = pool_.session(session_name(number)).data();
    if (data) account.found += data->value("count", std::uint64_t{0});
  }
  return account;
}

std::vector<std::int64_t> arrivals_of(const LoadPlan& plan) {
  std::vector<std::int64_t> arrivals;
  double due = 0;
  for (std::int64_t ms = 0; ms < plan.duration.count() && !plan.rate.empty(); ++ms) {
    double per_second = 0;
    for (std::size_t i = 0; i < plan.rate.size(); ++i) {
      const RateStep& step = plan.rate[i];
      if (step.at.count() > ms) {
        if (step.ramp && i > 0) {
          const RateStep& from = plan.rate[i - 1];
          const double part = static_cast<double>(ms - from.at.count()) /
                              static_cast<double>((step.at - from.at).count());
          per_second = from.per_second + part * (static_cast<double>(step.per_second) -
                                                 static_cast<double>(from.per_second));
        }
        break;
      }
      per_second = step.per_second;
    }
    for (due += per_second / 1000; due >= 1; --due) arrivals.push_back(ms);
  }
  return arrivals;
}

}  // namespace ordeal::chaos

#include "chaos/experiment/load_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stop_token>

#include "ordeal/pool/session.hpp"
#include "testing/load/arrivals.hpp"
#include "testing/load/pool_answer.hpp"

namespace ordeal::chaos {
namespace {

using trial::Answer;
using trial::answer_of;

// A call of the mix takes about so long.
constexpr milliseconds soon_max{2};

std::string session_name(std::uint64_t number) { return fmt::format("chaos-{}", number); }

}  // namespace

Answer PlannedCalls::call(std::string_view command, std::string_view arguments,
                          TimePoint deadline) {
  if (!plan_.command.empty()) command = plan_.command;
  pool::CallOptions options{.deadline = deadline, .idempotent = plan_.idempotent};
  if (plan_.retries > 0) {
    options.retry = pool::RetryPolicy{.max_retries = plan_.retries,
                                      .base_delay = milliseconds{5},
                                      .max_delay = milliseconds{100}};
  }
  const std::uint64_t turn = turns_.fetch_add(1);
  pool::core::Random random{seed_ + turn};
  operator_.perhaps(random);
  bool gave_up = false;
  const auto answer = [&gave_up](pool::Result<pool::Reply> reply) {
    Answer given = answer_of(std::move(reply));
    given.gave_up = gave_up;
    return given;
  };
  if (plan_.sessions == 0) {
    auto reply = ask(command, arguments, options, deadline, random, gave_up);
    return answer(std::move(reply));
  }
  const std::uint64_t number = turn % plan_.sessions;
  if (auto failed = count_up(number, deadline)) return *failed;
  const bool kept = plan_.affinity != pool::AffinityPolicy::none;
  const std::string name = session_name(number);
  if (kept) {
    options.session = name;
    options.affinity = plan_.affinity;
  }
  const bool calm = calm_.load();
  auto reply = ask(command, arguments, options, deadline, random, gave_up);
  if (kept) {
    const std::lock_guard lock{mutex_};
    SessionSeen& seen = sessions_[number];
    seen.calm_sent += calm ? 1 : 0;
    if (reply) {
      seen.calm_ok += calm ? 1 : 0;
      if (seen.last_worker != 0) ++(seen.last_worker == reply->worker ? seen.kept : seen.moved);
      seen.last_worker = reply->worker;
    }
  }
  return answer(std::move(reply));
}

pool::Result<pool::Reply> PlannedCalls::ask(std::string_view command, std::string_view arguments,
                                            pool::CallOptions options, TimePoint deadline,
                                            pool::core::Random& random, bool& gave_up) {
  std::optional<std::stop_source> patience;
  const bool disturbed = !calm_.load();
  if (disturbed && cancel_parts_ > 0 && random.chance(cancel_parts_, 1000)) {
    // Half of them while the call is most likely on its way, the others up to its deadline.
    const TimePoint now = time_now();
    const auto soon = std::min<TimePoint::duration>(deadline - now, soon_max);
    const auto longest = random.chance(1, 2) ? soon : deadline - now;
    patience.emplace();
    options.stop_token = patience->get_token();
    agenda_.at(
        now + TimePoint::duration{random.between(0, std::max<std::int64_t>(0, longest.count()))},
        [source = *patience]() mutable { source.request_stop(); });
  }
  const auto on_lease = [&]() -> pool::Result<pool::Reply> {
    auto lease = pool_.checkout(options);
    if (!lease) return tl::unexpected(std::move(lease.error()));
    return lease->call(command, pool::JsonText{arguments}, options);
  };
  const bool leases = disturbed && lease_parts_ > 0 && random.chance(lease_parts_, 1000);
  auto reply = leases ? on_lease() : pool_.call(command, pool::JsonText{arguments}, options);
  gave_up = patience && patience->stop_requested();
  return reply;
}

std::optional<Answer> PlannedCalls::count_up(std::uint64_t number, TimePoint deadline) {
  const auto count = [](json& data) { data["count"] = data.value("count", std::uint64_t{0}) + 1; };
  auto updated = pool_.session(session_name(number)).update(count, deadline);
  const std::lock_guard lock{mutex_};
  SessionSeen& seen = sessions_[number];
  ++(updated ? seen.acknowledged : seen.unknown);
  if (updated) return {};
  return answer_of(std::move(updated.error()));
}

SessionAccount PlannedCalls::account(const std::map<std::string, std::uint64_t>& of_other_hosts) {
  const std::lock_guard lock{mutex_};
  const auto count_of = [this](const std::string& name) {
    const auto data = pool_.session(name).data();
    return data ? data->value("count", std::uint64_t{0}) : std::uint64_t{0};
  };
  SessionAccount account{.sessions = sessions_,
                         .of_other_hosts = {},
                         .checked = plan_.sessions > 0 || !of_other_hosts.empty()};
  for (std::size_t number = 0; number < account.sessions.size(); ++number) {
    account.sessions[number].found = count_of(session_name(number));
  }
  for (const auto& [name, acknowledged] : of_other_hosts) {
    account.of_other_hosts.push_back({name, acknowledged, count_of(name)});
  }
  return account;
}

std::vector<pool::core::Duration> arrivals_of(const LoadPlan& plan, std::uint64_t seed) {
  trial::RateProfile profile;
  trial::Rate before;
  milliseconds at{0};
  for (const RateStep& step : plan.rate) {
    const trial::Rate rate = trial::Rate::per_second(step.per_second);
    // Until the step: what was before it, or the way to it.
    if (step.at > at) profile.push_back({step.at - at, before, step.ramp ? rate : before});
    before = rate;
    at = step.at;
  }
  if (plan.rate.empty()) return {};
  if (plan.duration > at) profile.push_back({plan.duration - at, before, before});
  return trial::all_arrivals(profile, plan.spacing, seed);
}

}  // namespace ordeal::chaos

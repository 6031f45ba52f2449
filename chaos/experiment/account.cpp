#include "chaos/experiment/account.hpp"

#include <algorithm>

#include "chaos/experiment/judge_parts.hpp"

namespace ordeal::chaos {
namespace {

using trial::CallRecord;
using trial::Outcome;

struct Ended {
  TimePoint submitted_at, ended_at;
};

// Calls that ended ok, by their beginning; each with the earliest end of it and all later ones.
std::vector<Ended> earliest_ends(const trial::History& history) {
  std::vector<Ended> calls;
  for (const CallRecord& call : history.calls) {
    if (call.outcome == Outcome::ok) calls.push_back({call.submitted_at, call.ended_at});
  }
  std::sort(calls.begin(), calls.end(),
            [](const Ended& a, const Ended& b) { return a.submitted_at < b.submitted_at; });
  for (std::size_t i = calls.size(); i-- > 1;) {
    calls[i - 1].ended_at = std::min(calls[i - 1].ended_at, calls[i].ended_at);
  }
  return calls;
}

}  // namespace

std::vector<StrikeAccount> account_of(const RunResult& result) {
  std::vector<StrikeAccount> accounts;
  const std::vector<Ended> ok = earliest_ends(result.history);
  std::vector<const CallRecord*> notable;
  for (const CallRecord& call : result.history.calls) {
    const auto executed = result.executions.find(to_string(call.nonce));
    const bool again = executed != result.executions.end() && executed->second > 1;
    if (again || went_wrong(call) || call.outcome == Outcome::lost) notable.push_back(&call);
  }
  for (const Strike& strike : result.strikes) {
    StrikeAccount& account = accounts.emplace_back();
    if (!was_injected(strike)) continue;
    const auto after = [&strike](TimePoint at) { return ms(strike.injected_at, at); };
    if (has(strike.detected_at)) account.noticed_ms = after(strike.detected_at);
    if (has(strike.recovered_at)) account.whole_ms = after(strike.recovered_at);
    const auto next =
        std::upper_bound(ok.begin(), ok.end(), strike.injected_at,
                         [](TimePoint at, const Ended& call) { return at < call.submitted_at; });
    if (next != ok.end()) account.first_ok_ms = after(next->ended_at);
    for (const CallRecord* call : notable) {
      if (!beside(*call, strike)) continue;
      const bool fine = call->outcome == Outcome::ok;
      ++(fine ? account.repeated : account.lost);
    }
  }
  return accounts;
}

}  // namespace ordeal::chaos

// What a journal ends with.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chaos/experiment/account.hpp"
#include "chaos/experiment/judge.hpp"

namespace ordeal::chaos {
namespace {

using trial::CallRecord;
using trial::Outcome;

constexpr std::size_t calls_max = 500;  // lines about calls that did not end ok
constexpr milliseconds slice{50};

double ms(TimePoint from, TimePoint to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

void note_calls(Journal& journal, const trial::History& history) {
  std::size_t count = 0;
  for (const CallRecord& call : history.calls) {
    const bool fine = call.outcome == Outcome::ok && call.nonce_right();
    if (fine || ++count > calls_max) continue;
    journal.note_at(call.ended_at, "call",
                    {{"nonce", to_string(call.nonce)},
                     {"caller", call.caller},
                     {"outcome", to_string(call.outcome)},
                     {"code", call.code},
                     {"message", call.message},
                     {"worker", call.worker},
                     {"attempts", call.attempts},
                     {"took_ms", ms(call.submitted_at, call.ended_at)}});
  }
  if (count > calls_max) journal.note("calls_left_off", {{"count", count - calls_max}});
}

// By the time at which calls ended: median and worst, and how many ended ok.
void note_latencies(Journal& journal, const RunResult& result) {
  std::map<std::int64_t, std::vector<double>> slices;
  for (const CallRecord& call : result.history.calls) {
    if (call.outcome != Outcome::ok) continue;
    const auto since = std::chrono::duration_cast<milliseconds>(call.ended_at - result.load_began);
    slices[since / slice].push_back(ms(call.wanted_at(), call.ended_at));
  }
  for (auto& [number, values] : slices) {
    std::sort(values.begin(), values.end());
    const auto p99 = static_cast<std::size_t>(std::ceil(0.99 * static_cast<double>(values.size())));
    journal.note_at(result.load_began + (number + 1) * slice, "latency",
                    {{"ok", values.size()},
                     {"p50_ms", values[values.size() / 2]},
                     {"p99_ms", values[p99 - 1]},
                     {"max_ms", values.back()}});
  }
}

void note_accounts(Journal& journal, const RunResult& result) {
  const auto accounts = account_of(result);
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    const Strike& strike = result.strikes[i];
    if (strike.state == Strike::State::skipped) continue;
    json line{{"strike", strike.number},
              {"fault", strike.kind->name},
              {"lost", accounts[i].lost},
              {"repeated", accounts[i].repeated}};
    for (const auto& [name, value] : {std::pair{"noticed_ms", accounts[i].noticed_ms},
                                      {"first_ok_ms", accounts[i].first_ok_ms},
                                      {"whole_ms", accounts[i].whole_ms}}) {
      if (value) line[name] = *value;
    }
    journal.note("account", line);
  }
}

}  // namespace

void note_verdict(Journal& journal, const Plan& plan, const RunResult& result,
                  const std::vector<Check>& checks) {
  for (const Operated& done : result.operations) {
    journal.note_at(done.at, "operation", {{"what", done.what}});
  }
  note_calls(journal, result.history);
  note_latencies(journal, result);
  note_accounts(journal, result);
  note_checks(journal, plan.title, plan.seed, checks);
}

void note_checks(Journal& journal, const std::string& title, std::uint64_t seed,
                 const std::vector<Check>& checks) {
  for (const Check& check : checks) {
    journal.note("check", {{"name", check.name},
                           {"sentence", check.sentence},
                           {"verdict", to_string(check.verdict.kind())},
                           {"evidence", check.verdict.evidence()}});
  }
  const trial::Verdict verdict = overall(checks);
  journal.note("verdict", {{"verdict", to_string(verdict.kind())},
                           {"why", verdict.evidence()},
                           {"title", title},
                           {"seed", seed}});
}

}  // namespace ordeal::chaos

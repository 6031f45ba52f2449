#include "testing/checkers/checkers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace ordeal::trial {
namespace {

// Enough to see a pattern; a history may hold thousands of the same.
constexpr std::size_t evidence_max = 5;

bool is_mixed_up(const CallRecord& call) {
  return call.outcome == Outcome::ok && !call.nonce_right();
}

std::string describe(const CallRecord& call) {
  return fmt::format("call {} of caller {} (worker {}{}{})", to_string(call.nonce), call.caller,
                     call.worker, call.code.empty() ? "" : ", ", call.code);
}

template <typename Predicate, typename Sentence>
void add_examples(std::vector<std::string>& evidence, const History& history, Predicate is,
                  Sentence sentence) {
  std::size_t count = 0;
  for (const CallRecord& call : history.calls) {
    if (is(call) && ++count <= evidence_max) evidence.push_back(sentence(call));
  }
  if (count > evidence_max) evidence.push_back(fmt::format("and {} more", count - evidence_max));
}

}  // namespace

Verdict ConservationChecker::check(const History& history) const {
  if (history.sent == 0) return Verdict::unknown("no call was sent");
  const std::uint64_t ok = history.count(Outcome::ok);
  const std::uint64_t failed = history.count(Outcome::failed);
  const std::uint64_t indeterminate = history.count(Outcome::indeterminate);
  const std::uint64_t lost = history.count(Outcome::lost);
  std::vector<std::string> evidence;
  if (history.sent != ok + failed + indeterminate + lost) {
    evidence.push_back(fmt::format(
        "{} calls were sent, but {} ok + {} failed + {} indeterminate + {} lost = {}", history.sent,
        ok, failed, indeterminate, lost, ok + failed + indeterminate + lost));
  }
  add_examples(
      evidence, history, [](const CallRecord& call) { return call.outcome == Outcome::lost; },
      [](const CallRecord& call) {
        return fmt::format("{} had no outcome by its deadline + {} ms", describe(call),
                           lost_after.count());
      });
  return evidence.empty() ? Verdict::pass() : Verdict::fail(std::move(evidence));
}

std::uint64_t count_mixed_up(const History& history) {
  return static_cast<std::uint64_t>(
      std::count_if(history.calls.begin(), history.calls.end(), is_mixed_up));
}

Verdict MixUpChecker::check(const History& history) const {
  if (history.count(Outcome::ok) == 0) return Verdict::unknown("no call ended ok");
  std::map<Nonce, const CallRecord*> owners;
  for (const CallRecord& call : history.calls) owners.emplace(call.nonce, &call);
  std::vector<std::string> evidence;
  add_examples(evidence, history, is_mixed_up, [&owners](const CallRecord& call) {
    if (!call.echoed) return fmt::format("{} got a reply without a nonce", describe(call));
    const auto owner = owners.find(*call.echoed);
    return fmt::format("{} got the reply of {}", describe(call),
                       owner == owners.end() ? "nobody, nonce " + to_string(*call.echoed)
                                             : describe(*owner->second));
  });
  return evidence.empty() ? Verdict::pass() : Verdict::fail(std::move(evidence));
}

bool struck(const Kill& kill, const History& history) {
  return std::any_of(history.calls.begin(), history.calls.end(), [&kill](const CallRecord& call) {
    return call.death && call.death->pid == kill.pid && call.death->worker == kill.worker &&
           call.death->request_in_hand != 0;
  });
}

Verdict CasualtyChecker::check(const History& history, const std::vector<Kill>& kills) const {
  if (kills.empty()) return Verdict::unknown("no worker was killed");
  const std::uint64_t casualties =
      history.count(Outcome::failed) + history.count(Outcome::indeterminate);
  const auto strikes = static_cast<std::uint64_t>(std::count_if(
      kills.begin(), kills.end(), [&history](const Kill& kill) { return struck(kill, history); }));
  if (casualties <= strikes) return Verdict::pass();
  std::vector<std::string> evidence{fmt::format(
      "{} calls failed or are indeterminate, but only {} kills struck a request in hand",
      casualties, strikes)};
  const auto unexplained = [&kills](const CallRecord& call) {
    if (call.outcome != Outcome::failed && call.outcome != Outcome::indeterminate) return false;
    return !call.death || call.death->request_in_hand == 0 ||
           std::none_of(kills.begin(), kills.end(), [&call](const Kill& kill) {
             return kill.pid == call.death->pid && kill.worker == call.death->worker;
           });
  };
  add_examples(evidence, history, unexplained, [](const CallRecord& call) {
    return fmt::format("{}: {}", describe(call), call.message);
  });
  return Verdict::fail(std::move(evidence));
}

Verdict ServiceChecker::check(const History& history) const {
  if (history.sent == 0) return Verdict::unknown("no call was sent");
  const std::uint64_t ok = history.count(Outcome::ok);
  if (ok * 100 >= history.sent * ok_percent_min) return Verdict::pass();
  return Verdict::fail({fmt::format("only {} of {} calls ended ok, at least {} % must", ok,
                                    history.sent, ok_percent_min)});
}

}  // namespace ordeal::trial

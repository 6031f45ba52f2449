// What a soak must have come to. Each check is a pure function of the result.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "chaos/soak/soak.hpp"

namespace ordeal::chaos {
namespace {

using nlohmann::json;
using trial::Verdict;

constexpr double struck_percent_min = 30;
constexpr double idempotent_ok_percent_min = 99.99;
constexpr double rss_percent_max = 5;
constexpr std::size_t samples_min = 30;
// Pages come and go in pieces, and a short run has a small host. A sanitizer keeps what was freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double rss_noise_kib = 64 * 1024;
#else
constexpr double rss_noise_kib = 1024;
#endif
// What the pools keep for bursts of events grows to its bound in the first 150,000 requests or so:
// a shorter run is never warm, and can tell a leak alone.
constexpr std::uint64_t warm_requests = 500'000;
constexpr double rss_cold_kib = 8.0 * 1024;

template <typename... T>
Verdict pass_if(bool held, fmt::format_string<T...> why, T&&... values) {
  if (held) return Verdict::pass();
  return Verdict::fail({fmt::format(why, std::forward<T>(values)...)});
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

double median(std::vector<std::int64_t> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return static_cast<double>(values[values.size() / 2]);
}

Check conservation(const CountedTotals& t, std::string_view arm) {
  const std::uint64_t sum = t.ok + t.failed + t.indeterminate;
  Check check{
      fmt::format("conservation_{}", arm),
      fmt::format("{}: {} sent = {} ok + {} failed + {} indeterminate; {} lost, {} mixed up", arm,
                  t.sent, t.ok, t.failed, t.indeterminate, t.lost, t.mixed_up),
      Verdict::pass()};
  if (t.sent == 0) check.verdict = Verdict::unknown("nothing was sent");
  check.verdict.add(pass_if(t.sent == sum, "{} calls have no outcome of their own", t.sent - sum));
  check.verdict.add(pass_if(t.lost == 0, "{} had no outcome by their deadline + 100 ms", t.lost));
  check.verdict.add(pass_if(t.mixed_up == 0, "{} got the reply of another call", t.mixed_up));
  return check;
}

Check all_sent(const SoakPlan& plan, const SoakResult& r) {
  const std::uint64_t sent = r.forked.sent + r.relayed.sent;
  return {"requests", fmt::format("{} of {} requests were sent", sent, plan.requests),
          pass_if(sent == plan.requests, "the load ended early")};
}

Check kills(const SoakPlan& plan, const SoakResult& r) {
  const double share = percent(r.forked.attempts_cut_short, r.kills);
  const double every =
      r.kills == 0 ? 0 : static_cast<double>(r.lasted.count()) / static_cast<double>(r.kills);
  Check check{"kills",
              fmt::format("{} workers killed, one each {:.0f} ms; {} ({:.0f} %) had a request in "
                          "hand; {} not proved, {} times nobody was there",
                          r.kills, every, r.forked.attempts_cut_short, share, r.kills_unproved,
                          r.kills_skipped),
              Verdict::pass()};
  check.verdict.add(r.kills == 0 ? Verdict::unknown("no kill was proved") : Verdict::pass());
  check.verdict.add(r.kills_unproved == 0 ? Verdict::pass()
                                          : Verdict::unknown("kills without proved effect"));
  if (r.kills == 0) return check;
  check.verdict.add(share >= struck_percent_min ? Verdict::pass()
                                                : Verdict::unknown("too few kills struck"));
  const bool as_often = every <= 4.0 * static_cast<double>(plan.kill_every.count());
  check.verdict.add(as_often ? Verdict::pass()
                             : Verdict::unknown("kills are four times further apart than planned"));
  return check;
}

Check wire(const SoakResult& r) {
  Check check{
      "wire",
      fmt::format("{} faults of the wire proved; {} met no reply, {} times nobody was there",
                  r.wire_faults, r.wire_untouched, r.wire_skipped),
      Verdict::pass()};
  if (r.wire_faults == 0) check.verdict = Verdict::unknown("no fault of the wire was proved");
  return check;
}

Check idempotents(const SoakResult& r) {
  const std::uint64_t sent = r.forked.idempotent + r.relayed.idempotent;
  const std::uint64_t ok = r.forked.idempotent_ok + r.relayed.idempotent_ok;
  const double share = percent(ok, sent);
  return {"idempotent",
          fmt::format("{:.4f} % of {} idempotent requests ended ok, {} of them not at once", share,
                      sent, r.forked.tried_again + r.relayed.tried_again),
          pass_if(sent > 0 && share >= idempotent_ok_percent_min, "at least {} % must",
                  idempotent_ok_percent_min)};
}

Check at_most_once(const SoakResult& r) {
  const std::uint64_t twice = r.forked.tried_twice + r.relayed.tried_twice;
  return {"at_most_once",
          fmt::format("{} requests that are not idempotent were tried twice, {} executed twice",
                      twice, r.executed_twice),
          pass_if(twice == 0 && r.executed_twice == 0, "none may")};
}

Check capacity(const SoakResult& r) {
  return {"capacity", r.whole ? "both pools were whole again" : "a pool did not get whole again",
          pass_if(r.whole, "within recovery_max")};
}

Check leaks(const SoakResult& r) {
  Check check{
      "leaks",
      fmt::format("{} processes left behind; descriptors: {} before, {} after; with the "
                  "pools whole {} and {}",
                  r.left_behind.size(), r.fds_before, r.fds_after, r.fds_begun, r.fds_ended),
      pass_if(r.stop_returned, "a stop did not return")};
  if (!r.left_behind.empty()) check.verdict.add(Verdict::fail(r.left_behind));
  check.verdict.add(
      pass_if(r.fds_after <= r.fds_before, "{} descriptors leaked", r.fds_after - r.fds_before));
  check.verdict.add(pass_if(r.fds_ended <= r.fds_begun, "{} more descriptors than at the start",
                            r.fds_ended - r.fds_begun));
  return check;
}

Check memory(const SoakPlan& plan, const SoakResult& r) {
  const Growth growth = growth_of(r.samples);
  Check check{"memory",
              fmt::format("the host's memory: {:.0f} KiB after the warm-up, {:.0f} KiB at the end: "
                          "{:+.2f} %",
                          growth.from_kib, growth.to_kib, growth.percent()),
              Verdict::pass()};
  if (r.samples.size() < samples_min) {
    check.verdict = Verdict::unknown("the run was too short to tell");
  } else if (std::abs(growth.to_kib - growth.from_kib) >
             std::max(rss_noise_kib, plan.requests < warm_requests ? rss_cold_kib : 0.0)) {
    check.verdict = pass_if(std::abs(growth.percent()) <= rss_percent_max, "at most {} % allowed",
                            rss_percent_max);
  }
  return check;
}

json totals_json(const CountedTotals& t) {
  return {{"sent", t.sent},
          {"ok", t.ok},
          {"failed", t.failed},
          {"indeterminate", t.indeterminate},
          {"lost", t.lost},
          {"mixed_up", t.mixed_up},
          {"idempotent", t.idempotent},
          {"idempotent_ok", t.idempotent_ok},
          {"ok_not_at_once", t.tried_again},
          {"attempts_cut_short", t.attempts_cut_short},
          {"errors", t.errors}};
}

}  // namespace

Growth growth_of(const std::vector<HostSample>& samples) {
  std::vector<std::int64_t> from, to;
  if (samples.empty()) return {};
  const std::uint64_t all = samples.back().sent;
  for (const HostSample& sample : samples) {
    if (sample.sent * 3 >= all && sample.sent * 2 < all) from.push_back(sample.rss_kib);
    if (sample.sent * 6 >= all * 5) to.push_back(sample.rss_kib);
  }
  return {median(std::move(from)), median(std::move(to))};
}

std::vector<Check> judge_soak(const SoakPlan& plan, const SoakResult& r) {
  return {all_sent(plan, r),
          conservation(r.forked, "forked"),
          conservation(r.relayed, "relayed"),
          kills(plan, r),
          wire(r),
          idempotents(r),
          at_most_once(r),
          capacity(r),
          leaks(r),
          memory(plan, r)};
}

pool::Result<void> write_soak_summary(const std::string& file, const SoakPlan& plan,
                                      const SoakResult& r, const std::vector<Check>& checks) {
  json lines = json::array();
  for (const Check& check : checks) {
    lines.push_back({{"name", check.name},
                     {"sentence", check.sentence},
                     {"verdict", to_string(check.verdict.kind())},
                     {"evidence", check.verdict.evidence()}});
  }
  const double seconds = static_cast<double>(r.lasted.count()) / 1e3;
  const Growth growth = growth_of(r.samples);
  const json summary{
      {"schema", 1},
      {"verdict", to_string(overall(checks).kind())},
      {"checks", lines},
      {"requests", plan.requests},
      {"seed", plan.seed},
      {"seconds", seconds},
      {"requests_per_s",
       seconds > 0 ? static_cast<double>(r.forked.sent + r.relayed.sent) / seconds : 0},
      {"forked", totals_json(r.forked)},
      {"relayed", totals_json(r.relayed)},
      {"kills",
       {{"proved", r.kills}, {"unproved", r.kills_unproved}, {"skipped", r.kills_skipped}}},
      {"wire",
       {{"proved", r.wire_faults}, {"untouched", r.wire_untouched}, {"skipped", r.wire_skipped}}},
      {"executed_twice", r.executed_twice},
      {"descriptors",
       {{"before", r.fds_before},
        {"begun", r.fds_begun},
        {"ended", r.fds_ended},
        {"after", r.fds_after}}},
      {"rss_kib",
       {{"warm", growth.from_kib}, {"end", growth.to_kib}, {"percent", growth.percent()}}},
      {"left_behind", r.left_behind}};
  std::ofstream stream{file};
  stream << summary.dump(1) << "\n";
  stream.flush();
  if (stream) return {};
  return tl::unexpected(
      pool::make_error(pool::ErrorCode::invalid_option, file + ": cannot be written"));
}

}  // namespace ordeal::chaos

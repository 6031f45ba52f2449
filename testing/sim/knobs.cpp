#include "testing/sim/knobs.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ordeal::trial {
namespace {

using pool::core::Duration;
using O = SimulationOptions;

std::uint64_t as_number(Duration d) { return static_cast<std::uint64_t>(d.count()); }
template <typename T>
std::uint64_t as_number(T value) {
  return static_cast<std::uint64_t>(value);
}
void assign(Duration& to, std::uint64_t value) { to = Duration{static_cast<std::int64_t>(value)}; }
template <typename T>
void assign(T& to, std::uint64_t value) {
  to = static_cast<T>(value);
}

// `of(options)`: the member.
template <typename Member>
constexpr Knob knob(std::string_view name, Knob::Kind kind, std::uint64_t least, Member) {
  return {name, kind, least, [](const O& o) { return as_number(Member{}(const_cast<O&>(o))); },
          [](O& o, std::uint64_t value) { assign(Member{}(o), value); }};
}

#define MEMBER(path) \
  [](O & o) -> auto& { return o.path; }  // NOLINT: a member's address in a member

constexpr auto rate = Knob::Kind::rate;
constexpr auto flag = Knob::Kind::flag;
constexpr auto time_of = Knob::Kind::time;
constexpr auto workers = Knob::Kind::workers;
constexpr auto load = Knob::Kind::load;
constexpr auto fixed = Knob::Kind::fixed;

constexpr std::array table{
    knob("spawn_fails", rate, 0, MEMBER(faults.spawn_fails)),
    knob("start_exits", rate, 0, MEMBER(faults.start_exits)),
    knob("start_faults", rate, 0, MEMBER(faults.start_faults)),
    knob("start_hangs", rate, 0, MEMBER(faults.start_hangs)),
    knob("stubborn", rate, 0, MEMBER(faults.stubborn)),
    knob("dies_idle", rate, 0, MEMBER(faults.dies_idle)),
    knob("dies_busy", rate, 0, MEMBER(faults.dies_busy)),
    knob("closes_stream", rate, 0, MEMBER(faults.closes_stream)),
    knob("hangs", rate, 0, MEMBER(faults.hangs)),
    knob("late", rate, 0, MEMBER(faults.late)),
    knob("violates", rate, 0, MEMBER(faults.violates)),
    knob("stray", rate, 0, MEMBER(faults.stray)),
    knob("unusable", rate, 0, MEMBER(faults.unusable)),
    knob("partial", rate, 0, MEMBER(faults.partial)),
    knob("application_error", rate, 0, MEMBER(faults.application_error)),
    knob("hangs_idle", rate, 0, MEMBER(faults.hangs_idle)),
    knob("slow_ping", rate, 0, MEMBER(faults.slow_ping)),
    knob("ping_errors", rate, 0, MEMBER(faults.ping_errors)),
    knob("locks", rate, 0, MEMBER(faults.locks)),
    knob("reports", rate, 0, MEMBER(faults.reports)),
    knob("callers_fault", rate, 0, MEMBER(faults.callers_fault)),
    knob("cancels", rate, 0, MEMBER(cancels)),
    knob("leases", rate, 0, MEMBER(leases)),
    knob("races", rate, 0, MEMBER(races)),
    knob("operations", rate, 0, MEMBER(operations)),
    knob("orders", rate, 0, MEMBER(orders)),
    knob("idempotents", rate, 0, MEMBER(idempotents)),
    knob("retries", rate, 0, MEMBER(retries)),
    knob("extremes", rate, 0, MEMBER(extremes)),
    knob("in_session", rate, 0, MEMBER(in_session)),
    knob("strict", rate, 0, MEMBER(strict)),
    knob("stateful", rate, 0, MEMBER(stateful)),
    knob("session_ends", rate, 0, MEMBER(session_ends)),
    knob("bad_programs", flag, 0, MEMBER(bad_programs)),
    knob("stop_under_load", flag, 0, MEMBER(stop_under_load)),
    knob("stop_again", flag, 0, MEMBER(stop_again)),
    knob("look_closely", flag, 0, MEMBER(look_closely)),
    knob("reject_late", flag, 0, MEMBER(core.reject_late)),
    knob("retire_requests", flag, 0, MEMBER(core.retire_requests)),
    knob("retire_age", flag, 0, MEMBER(core.retire_age)),
    knob("retire_memory_growth_kib", flag, 0, MEMBER(core.retire_memory.growth_kib)),
    knob("health_interval", flag, 0, MEMBER(core.health_interval)),
    knob("shed_target", flag, 0, MEMBER(core.shed_target)),
    knob("stack_grace", flag, 0, MEMBER(core.stack_grace)),
    knob("limit", flag, 0, MEMBER(core.limit.max)),
    knob("outliers", flag, 0, MEMBER(core.outliers.interval)),
    knob("lease_limit", flag, 0, MEMBER(core.lease_limit)),
    knob("think_max", time_of, 1, MEMBER(think_max)),
    knob("latency_max", time_of, 1, MEMBER(latency_max)),
    knob("start_max", time_of, 1, MEMBER(start_max)),
    knob("budget_max", time_of, 1, MEMBER(budget_max)),
    knob("stop_grace_max", time_of, 1, MEMBER(stop_grace_max)),
    knob("affinity_wait", time_of, 0, MEMBER(core.affinity_wait)),
    knob("size", workers, 1, MEMBER(core.size)),
    knob("overflow", workers, 0, MEMBER(core.overflow)),
    knob("slots_max", workers, 1, MEMBER(core.slots_max)),
    knob("clients", load, 1, MEMBER(clients)),
    knob("sessions", load, 1, MEMBER(sessions)),
    knob("requests", load, 1, MEMBER(requests)),
    knob("calm_requests", load, 0, MEMBER(calm_requests)),
    knob("queue_max", fixed, 0, MEMBER(core.queue_max)),
};
#undef MEMBER

}  // namespace

std::span<const Knob> knobs() { return table; }

std::string difference(const SimulationOptions& from, const SimulationOptions& to) {
  std::string text;
  for (const Knob& knob : knobs()) {
    if (knob.get(from) == knob.get(to)) continue;
    text += text.empty() ? "" : " ";
    text += std::string{knob.name} + "=" + std::to_string(knob.get(to));
  }
  return text;
}

std::string set_knobs(SimulationOptions& options, std::string_view text) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) return {};
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    const std::string_view name = word.substr(0, word.find('='));
    const std::string_view digits = word.substr(std::min(name.size() + 1, word.size()));
    const auto found = std::find_if(knobs().begin(), knobs().end(),
                                    [&](const Knob& knob) { return knob.name == name; });
    if (found == knobs().end()) return "no knob is called " + std::string{name};
    std::uint64_t value = 0;
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failure != std::errc{} || end != digits.data() + digits.size() || value < found->least) {
      return std::string{name} + " must be a number from " + std::to_string(found->least) +
             ", not \"" + std::string{digits} + "\"";
    }
    found->set(options, value);
  }
}

}  // namespace ordeal::trial

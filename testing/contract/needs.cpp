// What a scenario needs of a pool: read from the scenario, so that nobody can forget to say it.
#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "testing/contract/pool_under_test.hpp"

namespace ordeal::trial {
namespace {

constexpr std::array<std::string_view, capability_count> names{"cancel",
                                                               "deadlines",
                                                               "queue_bound",
                                                               "replaces_workers",
                                                               "error_replies",
                                                               "late_reply_grace",
                                                               "packet4",
                                                               "scripted_starts",
                                                               "overflow",
                                                               "retries",
                                                               "breaker",
                                                               "sessions",
                                                               "programs",
                                                               "counts",
                                                               "events",
                                                               "counts_attempts",
                                                               "drains_late_replies"};

// Acts that any worker can play; every other one is about Ordeal's wire.
bool needs_wire(const std::string& command) {
  static const std::set<std::string> any{"echo", "crash", "hang", "error"};
  return !any.contains(command);
}

void add_needs(const TicketSpec& ticket, std::set<Capability>& needs) {
  const auto need_if = [&](bool condition, Capability what) {
    if (condition) needs.insert(what);
  };
  need_if(ticket.deadline.has_value(), Capability::deadlines);
  need_if(ticket.retries > 0, Capability::retries);
  need_if(!ticket.session.empty(), Capability::sessions);
  need_if(!ticket.breaker_key.empty(), Capability::breaker);
  need_if(!ticket.question.empty(), Capability::programs);
  need_if(!ticket.raw.empty() || ticket.padding > 0, Capability::packet4);
  for (const Act& act : ticket.acts) {
    need_if(act.command == "error", Capability::error_replies);
    need_if(needs_wire(act.command), Capability::packet4);
  }
  need_if(ticket.expect.code == "queue_full", Capability::queue_bound);
}

}  // namespace

std::string to_string(Capability capability) {
  return std::string{names.at(static_cast<std::size_t>(capability))};
}

TrialOutcome failed_with(pool::ErrorCode code, std::string message) {
  const pool::ErrorTraits& row = pool::traits(code);
  return {.code = std::string{row.name},
          .category = std::string{pool::to_string(row.category)},
          .indeterminate = row.certainty == pool::Certainty::indeterminate,
          .message = std::move(message)};
}

std::vector<Capability> all_capabilities() {
  std::vector<Capability> all;
  for (std::uint8_t i = 0; i < capability_count; ++i) all.push_back(static_cast<Capability>(i));
  return all;
}

std::vector<Capability> needs_of(const Scenario& scenario) {
  std::set<Capability> needs;
  for (const TicketSpec& ticket : scenario.tickets) add_needs(ticket, needs);
  for (const Step& step : scenario.steps) {
    if (step.kind == Step::Kind::cancel) needs.insert(Capability::cancel);
    if (step.kind == Step::Kind::told) needs.insert(Capability::events);
  }
  if (scenario.lost > 0) needs.insert(Capability::replaces_workers);
  const Setup& setup = scenario.setup;
  if (setup.overflow > 0) needs.insert(Capability::overflow);
  if (setup.breaker) needs.insert(Capability::breaker);
  if (setup.starts.how != Starts::How::fine) needs.insert(Capability::scripted_starts);
  if (setup.late_reply_grace != ample) needs.insert(Capability::late_reply_grace);
  return {needs.begin(), needs.end()};
}

}  // namespace ordeal::trial

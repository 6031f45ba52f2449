#include "testing/contract/scenario.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace ordeal::trial {

Act held(std::string command, std::string arguments) {
  return {.command = std::move(command), .arguments = std::move(arguments), .held = true};
}
Act act(std::string command, std::string arguments) {
  return {.command = std::move(command), .arguments = std::move(arguments)};
}

Expected fails(std::string code, std::uint32_t attempts) {
  return {.code = std::move(code), .attempts = attempts};
}
Expected refused(std::string code) { return fails(std::move(code), 0); }

namespace {
using Kind = Step::Kind;
}

Step submit(std::string ticket) { return {.kind = Kind::submit, .who = std::move(ticket)}; }
Step cancel(std::string ticket) { return {.kind = Kind::cancel, .who = std::move(ticket)}; }
Step in_hand(std::string ticket, std::uint32_t count) {
  return {.kind = Kind::in_hand, .who = std::move(ticket), .count = count};
}
Step release(std::string ticket) { return {.kind = Kind::release, .who = std::move(ticket)}; }
Step outcome(std::string ticket) { return {.kind = Kind::outcome, .who = std::move(ticket)}; }
Step told(std::string event, std::string ticket) {
  return {.kind = Kind::told, .who = std::move(ticket), .what = std::move(event)};
}
Step kill_worker_of(std::string ticket) { return {.kind = Kind::kill, .who = std::move(ticket)}; }
Step gone(std::string ticket) { return {.kind = Kind::gone, .who = std::move(ticket)}; }
Step reach(std::string deadline, milliseconds from_now) {
  return {.kind = Kind::reach, .what = std::move(deadline), .time = from_now};
}
Step stop(milliseconds grace) { return {.kind = Kind::stop, .time = grace}; }
Step stopped() { return {.kind = Kind::stopped}; }

std::string in_words(const Step& step) {
  switch (step.kind) {
    case Kind::submit:
      return "submit " + step.who;
    case Kind::cancel:
      return "cancel " + step.who;
    case Kind::in_hand:
      return "wait until a worker has " + step.who;
    case Kind::release:
      return "let the worker of " + step.who + " go on";
    case Kind::outcome:
      return "wait for the outcome of " + step.who;
    case Kind::told:
      return "wait for the event " + step.what + " of " + step.who;
    case Kind::kill:
      return "kill the worker of " + step.who;
    case Kind::gone:
      return "wait for the end of the worker of " + step.who;
    case Kind::reach:
      return "let time go on until " + step.what;
    case Kind::stop:
      return "stop";
    case Kind::stopped:
      return "wait for the end of the stop";
  }
  return "?";
}

const TicketSpec& ticket_of(const Scenario& scenario, const std::string& name) {
  for (const TicketSpec& ticket : scenario.tickets) {
    if (ticket.name == name) return ticket;
  }
  throw std::logic_error("scenario " + scenario.name + " has no ticket " + name);
}

std::uint32_t expected_runs(const TicketSpec& ticket) {
  const bool plays = ticket.question.empty() && ticket.raw.empty();
  return plays ? ticket.expect.runs.value_or(ticket.expect.attempts) : 0;
}

std::vector<std::string> expected_order(const Scenario& scenario) {
  if (!scenario.order.empty()) return scenario.order;
  std::vector<std::string> names;
  for (const TicketSpec& ticket : scenario.tickets) names.push_back(ticket.name);
  return names;
}

std::vector<std::string> expected_hands(const Scenario& scenario) {
  if (!scenario.hands.empty()) return scenario.hands;
  std::vector<std::string> names;
  for (const TicketSpec& ticket : scenario.tickets) {
    names.insert(names.end(), expected_runs(ticket), ticket.name);
  }
  return names;
}

std::size_t fields_of(const Scenario& scenario) {
  constexpr std::size_t of_scenario = 7;  // order, hands, lost, drained, retries, sums, calm
  constexpr std::size_t of_ticket = 6;    // code, category, certainty, attempts, runs, reply
  std::size_t fields = of_scenario + of_ticket * scenario.tickets.size();
  for (const TicketSpec& ticket : scenario.tickets) {
    fields += ticket.expect.same_worker_as.empty() ? 0 : 1;
    fields += ticket.expect.other_worker_than.empty() ? 0 : 1;
  }
  return fields;
}

std::vector<Open> open_fields(const Scenario& scenario) {
  std::vector<Open> all = scenario.open;
  for (const TicketSpec& ticket : scenario.tickets) {
    all.insert(all.end(), ticket.expect.open.begin(), ticket.expect.open.end());
  }
  return all;
}

bool is_open(const std::vector<Open>& open, const std::string& field) {
  return std::any_of(open.begin(), open.end(), [&](const Open& o) { return o.field == field; });
}

}  // namespace ordeal::trial

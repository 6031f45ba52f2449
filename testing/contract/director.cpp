#include "testing/contract/director.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::trial {

using Kind = Step::Kind;

namespace {

constexpr milliseconds stretchable_below{1000};
std::string arguments_of(const Act& act, const std::string& ticket) {
  if (!act.arguments.empty()) return act.arguments;
  return act.command == "echo" ? fmt::format(R"({{"ticket":"{}"}})", ticket) : "{}";
}

bool ran_out_of_time(const std::string& code) {
  return code == "queue_timeout" || code == "call_timeout";
}

}  // namespace

Director::Director(const Scenario& scenario, World world, const TrialOptions& options)
    : scenario_(scenario),
      world_(std::move(world)),
      options_(options),
      patience_(options.patience) {
  report_.scenario = scenario.family + "." + scenario.name;
  for (const TicketSpec& spec : scenario.tickets) tickets_[spec.name].spec = &spec;
}

// Whoever waits for what comes so much later is patient for so much longer.
milliseconds Director::stretched(milliseconds time) {
  if (time >= stretchable_below) return time;
  const milliseconds longer = time * options_.stretch;
  patience_ = std::max(patience_, options_.patience + longer - time);
  return longer;
}

Report Director::run() {
  Setup setup = scenario_.setup;
  setup.late_reply_grace = stretched(setup.late_reply_grace);
  setup.affinity_wait = stretched(setup.affinity_wait);
  setup.start_timeout = stretched(setup.start_timeout);
  if (setup.breaker) setup.breaker->open = stretched(setup.breaker->open);
  const std::weak_ptr<Stage> stage = world_.stage;
  say("start");
  const std::string refusal =
      world_.pool->start(setup, [stage](std::string what, std::string ticket) {
        if (const auto here = stage.lock()) {
          here->post(news::Told{std::move(what), std::move(ticket)});
        }
      });
  if (!refusal.empty()) {
    found(FindingKind::does_not_start, "the pool does not start: " + refusal);
    report_.verdict = TrialVerdict::failed;
    return std::move(report_);
  }
  bool as_planned = true;
  for (const Step& step : scenario_.steps) {
    as_planned = take(step);
    if (!as_planned) break;
  }
  if (!as_planned) {
    report_.account.cut_short = true;
    before_cut_ = report_.account;
  }
  if (as_planned && scenario_.calm && !stop_sent_) check_calm();
  end_it();
  if (before_cut_) report_.account = *before_cut_;
  std::vector<Finding> judged = judge(scenario_, report_.account, world_.pool->capabilities());
  report_.findings.insert(report_.findings.end(), judged.begin(), judged.end());
  if (const std::string broken = world_.stage->broken(); !broken.empty()) {
    found(FindingKind::broken_promise, broken);
  }
  if (!report_.findings.empty()) {
    report_.verdict = was_too_slow() ? TrialVerdict::too_slow : TrialVerdict::failed;
  }
  return std::move(report_);
}

// A short deadline passed, where the scenario did not mean it to.
bool Director::was_too_slow() const {
  for (const TicketSpec& spec : scenario_.tickets) {
    if (!spec.deadline || *spec.deadline >= stretchable_below) continue;
    const auto seen = report_.account.tickets.find(spec.name);
    if (seen == report_.account.tickets.end() || seen->second.outcomes.empty()) continue;
    const auto& outcomes = seen->second.outcomes;
    const bool as_expected = outcomes[0].code == spec.expect.code && !seen->second.unseen;
    if (ran_out_of_time(outcomes[0].code) && !as_expected) return true;
  }
  return false;
}

bool Director::take(const Step& step) {
  say(in_words(step), step.kind == Kind::reach ? stretched(step.time) : milliseconds{0});
  switch (step.kind) {
    case Kind::submit:
      submit_ticket(step.who);
      return true;
    case Kind::cancel:
      world_.pool->cancel(tickets_.at(step.who).number);
      return true;
    case Kind::release:
      let_go(tickets_.at(step.who));
      return true;
    case Kind::kill:
      world_.stage->kill(last_worker_of(step.who));
      return true;
    case Kind::reach:
      world_.stage->reach(stretched(step.time));
      return true;
    case Kind::stop: {
      stop_sent_ = true;
      const std::weak_ptr<Stage> stage = world_.stage;
      world_.pool->stop(step.time, [stage] {
        if (const auto here = stage.lock()) here->post(news::Stopped{});
      });
      return true;
    }
    case Kind::in_hand:
    case Kind::outcome:
    case Kind::told:
    case Kind::gone:
    case Kind::stopped:
      return wait(step);
  }
  return false;
}

bool Director::wait(const Step& step) {
  while (!is_there(step)) {
    // What will not come because the request has ended already is not waited for.
    const bool hopeless =
        step.kind == Kind::in_hand && !report_.account.tickets[step.who].outcomes.empty();
    if (hopeless || !hear(patience_)) {
      complain_of_waiting(step);
      return false;
    }
  }
  return true;
}

bool Director::is_there(const Step& step) const {
  const auto seen = report_.account.tickets.find(step.who);
  const bool known = seen != report_.account.tickets.end();
  switch (step.kind) {
    case Kind::in_hand:
      return known && seen->second.workers.size() >= step.count;
    case Kind::outcome:
      return known && !seen->second.outcomes.empty();
    case Kind::told:
      return tickets_.at(step.who).told.contains(step.what);
    case Kind::gone:
      return report_.account.gone.contains(last_worker_of(step.who));
    case Kind::stopped:
      return stopped_;
    default:
      return true;
  }
}

TrialRequest Director::request_of(const TicketSpec& spec) {
  TrialRequest request{.name = spec.name,
                       .command = "play",
                       .deadline = stretched(spec.deadline.value_or(ample)),
                       .idempotent = spec.idempotent,
                       .retries = spec.retries,
                       .retry_delay = spec.retry_delay,
                       .session = spec.session,
                       .affinity = spec.affinity,
                       .breaker_key = spec.breaker_key};
  if (!spec.state_of.empty()) {
    request.state_in_worker = report_.account.tickets.at(spec.state_of).outcomes.at(0).worker;
  }
  request.arguments = fmt::format(
      R"({{"stage":"{}","ticket":"{}"{}}})", world_.stage->address(), spec.name,
      spec.padding == 0 ? std::string{}
                        : fmt::format(R"(,"padding":"{}")", std::string(spec.padding, 'x')));
  if (!spec.raw.empty()) request.arguments = spec.raw;
  if (!spec.question.empty()) {
    request.command = "execute_program";
    request.arguments = fmt::format(
        R"({{"program_id":"p","inputs":{{"question":"{}"}},"program_data":{{"signature":)"
        R"({{"inputs":["question"],"outputs":["answer"]}}}}}})",
        spec.question);
  }
  return request;
}

void Director::submit_ticket(const std::string& name) {
  Ticket& ticket = tickets_.at(name);
  report_.account.tickets[name].submitted = true;
  const std::weak_ptr<Stage> stage = world_.stage;
  ticket.number =
      world_.pool->submit(request_of(*ticket.spec), [stage, name](TrialOutcome outcome) {
        if (const auto here = stage.lock()) here->post(news::Ended{name, std::move(outcome)});
      });
}

bool Director::hear(milliseconds patience) {
  const std::optional<News> heard = world_.stage->next(patience);
  if (heard) heed(*heard);
  return heard.has_value();
}

void Director::heed(const News& heard) {
  if (const auto* arrived = std::get_if<news::Arrived>(&heard)) return heed_arrival(*arrived);
  if (const auto* ended = std::get_if<news::Ended>(&heard)) {
    if (!is_of_calm(ended->ticket)) report_.account.order.push_back(ended->ticket);
    report_.account.tickets[ended->ticket].outcomes.push_back(ended->outcome);
  } else if (const auto* left = std::get_if<news::Gone>(&heard)) {
    report_.account.gone.insert(left->worker);
  } else if (const auto* said = std::get_if<news::Told>(&heard)) {
    if (const auto it = tickets_.find(said->ticket); it != tickets_.end()) {
      it->second.told.insert(said->what);
    }
  } else {
    stopped_ = true;
  }
}

void Director::heed_arrival(const news::Arrived& arrived) {
  report_.account.workers.insert(arrived.worker);
  const auto it = tickets_.find(arrived.ticket);
  if (it == tickets_.end()) return;
  Ticket& ticket = it->second;
  auto& seen = report_.account.tickets[arrived.ticket];
  seen.workers.push_back(arrived.worker);
  if (is_of_calm(arrived.ticket)) {
    ++calm_in_hand_;
  } else {
    report_.account.hands.push_back(arrived.ticket);
  }
  const auto& acts = ticket.spec->acts;
  ticket.part = acts[std::min(seen.workers.size(), acts.size()) - 1];
  ticket.arrival = arrived.arrival;
  if (!ticket.part.held) let_go(ticket);
}

void Director::let_go(Ticket& ticket) {
  if (!ticket.arrival) return;
  Act part = ticket.part;
  part.arguments = arguments_of(part, ticket.spec->name);
  world_.stage->play(*ticket.arrival, part);
  ticket.arrival.reset();
}

void Director::let_all_go() {
  for (auto& [name, ticket] : tickets_) let_go(ticket);
}

std::uint64_t Director::last_worker_of(const std::string& ticket) const {
  const auto seen = report_.account.tickets.find(ticket);
  if (seen == report_.account.tickets.end() || seen->second.workers.empty()) return 0;
  return seen->second.workers.back();
}

// Only what judge() cannot say from the account alone.
void Director::complain_of_waiting(const Step& step) {
  if (step.kind == Kind::outcome) report_.account.tickets[step.who].overdue = true;
  if (step.kind == Kind::in_hand) report_.account.tickets[step.who].unseen = true;
  if (step.kind == Kind::stopped) {
    found(FindingKind::does_not_stop,
          "the stop does not come to its end" + world_.pool->describe());
  } else if (step.kind == Kind::told) {
    found(FindingKind::wrong_outcome,
          fmt::format("the pool never says '{}' of request {}", step.what, step.who));
  } else if (step.kind == Kind::gone) {
    found(FindingKind::orphan,
          fmt::format("{} does not end{}", world_.stage->name_of(last_worker_of(step.who)),
                      world_.pool->describe()));
  }
}

}  // namespace ordeal::trial

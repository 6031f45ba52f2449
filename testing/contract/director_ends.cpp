// What the director does behind the last step of a scenario: the calm, the stop, and who is left.
#include <fmt/format.h>

#include <algorithm>

#include "testing/contract/director.hpp"

namespace ordeal::trial {

namespace {
constexpr std::string_view calm_prefix = "calm ";
}

bool Director::is_of_calm(const std::string& ticket) { return ticket.starts_with(calm_prefix); }

// As many requests at once as there are workers: then no capacity is lost.
void Director::check_calm() {
  const std::uint32_t size = scenario_.setup.size;
  calm_.reserve(size);
  for (std::uint32_t i = 1; i <= size; ++i) {
    calm_.push_back({.name = fmt::format("{}{}", calm_prefix, i), .acts = {held()}});
    tickets_[calm_.back().name].spec = &calm_.back();
  }
  for (const TicketSpec& spec : calm_) {
    say("submit as many requests as there are workers");
    submit_ticket(spec.name);
  }
  while (calm_in_hand_ < size && hear(patience_)) {
  }
  const std::uint32_t in_hand_at_once = calm_in_hand_;
  if (in_hand_at_once < size) {
    found(FindingKind::capacity_lost,
          fmt::format("afterwards only {} of {} workers take a request: capacity leaks{}",
                      in_hand_at_once, size, world_.pool->describe()));
    return;
  }
  for (const TicketSpec& spec : calm_) {
    let_go(tickets_.at(spec.name));
    const Step ended = outcome(spec.name);
    if (!wait(ended)) return;
    const TrialOutcome& told = report_.account.tickets[spec.name].outcomes[0];
    if (told.code != "ok") {
      found(
          FindingKind::capacity_lost,
          fmt::format("afterwards an ordinary request fails with {}: {}", told.code, told.message));
    }
  }
  report_.account.counts = world_.pool->counts();
}

void Director::end_it() {
  let_all_go();
  say("stop");
  if (!stop_sent_) (void)take(stop(milliseconds{0}));
  const Step over = stopped();
  (void)wait(over);
  await_ends();
}

void Director::await_ends() {
  say("wait for the end of its workers");
  Account& account = report_.account;
  while (account.gone.size() < account.workers.size() && hear(patience_)) {
  }
  for (const std::uint64_t worker : account.workers) {
    if (account.gone.contains(worker)) continue;
    found(FindingKind::orphan, fmt::format("{} lives on after the pool has stopped: an orphan",
                                           world_.stage->name_of(worker)));
    world_.stage->kill(worker);
  }
  // An outcome may come behind the news of the stop; one that never comes is told by judge().
  const auto missing = [&] {
    return std::any_of(account.tickets.begin(), account.tickets.end(), [](const auto& ticket) {
      return ticket.second.submitted && ticket.second.outcomes.empty();
    });
  };
  while (stopped_ && missing() && hear(patience_)) {
  }
}

}  // namespace ordeal::trial

// What was expected, held against what happened: pure, and in words that the pool's author
// understands.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ordeal/pool/error.hpp"
#include "testing/contract/trial.hpp"

namespace ordeal::trial {
namespace {

using Json = nlohmann::json;

bool can(const std::vector<Capability>& capabilities, Capability what) {
  return std::find(capabilities.begin(), capabilities.end(), what) != capabilities.end();
}

std::optional<pool::ErrorCode> code_named(const std::string& name) {
  for (std::uint8_t i = 0; i < pool::error_code_count; ++i) {
    const auto code = static_cast<pool::ErrorCode>(i);
    if (pool::to_string(code) == name) return code;
  }
  return std::nullopt;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

std::string in_words(const TrialOutcome& outcome) {
  if (outcome.code == "ok") return "ok";
  return fmt::format("{} ({}, {}): {}", outcome.code, outcome.category,
                     outcome.indeterminate ? "it may have happened" : "it did not happen",
                     outcome.message);
}

bool is_permutation_of(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  return std::is_permutation(some.begin(), some.end(), all.begin(), all.end());
}

class Judge {
 public:
  Judge(const Scenario& scenario, const Account& account,
        const std::vector<Capability>& capabilities)
      : scenario_(scenario), account_(account), capabilities_(capabilities) {}

  std::vector<Finding> findings() {
    for (const auto& [name, seen] : account_.tickets) look_for_others_replies(name, seen);
    for (const TicketSpec& spec : scenario_.tickets) {
      const auto it = account_.tickets.find(spec.name);
      if (it != account_.tickets.end() && it->second.submitted) judge_ticket(spec, it->second);
    }
    if (!account_.cut_short) {
      judge_order();
      judge_counts();
    }
    return std::move(findings_);
  }

 private:
  void found(FindingKind kind, std::string sentence) {
    findings_.push_back({kind, std::move(sentence)});
  }

  // The mix-up: what was echoed names another request.
  void look_for_others_replies(const std::string& name, const Account::Ticket& seen) {
    for (const TrialOutcome& outcome : seen.outcomes) {
      const Json reply = Json::parse(outcome.reply, nullptr, false);
      if (!reply.is_object() || !reply.contains("ticket")) continue;
      const std::string owner =
          reply["ticket"].is_string() ? reply["ticket"].get<std::string>() : reply["ticket"].dump();
      if (owner == name) continue;
      const auto it = account_.tickets.find(owner);
      const bool given_up = it != account_.tickets.end() && !it->second.outcomes.empty() &&
                            it->second.outcomes[0].code != "ok";
      found(FindingKind::mixed_up,
            fmt::format("request {} was answered with the reply of request {}{}", name, owner,
                        given_up ? fmt::format(", which had ended with {}: its late reply was "
                                               "handed to the next caller",
                                               it->second.outcomes[0].code)
                                 : std::string{}));
    }
  }

  void judge_ticket(const TicketSpec& spec, const Account::Ticket& seen) {
    judge_runs(spec, seen);
    if (seen.outcomes.empty()) {
      if (seen.overdue || !account_.cut_short) tell_of_silence(spec, seen);
      return;
    }
    if (seen.outcomes.size() > 1) {
      found(FindingKind::told_twice,
            fmt::format("request {} was told {} outcomes: {}, then {}", spec.name,
                        seen.outcomes.size(), in_words(seen.outcomes[0]),
                        in_words(seen.outcomes[1])));
    }
    judge_outcome(spec, seen.outcomes[0]);
    judge_worker(spec, seen);
  }

  void tell_of_silence(const TicketSpec& spec, const Account::Ticket& seen) {
    const std::string& code = spec.expect.code;
    const Act& last =
        spec.acts[std::min(std::max<std::size_t>(seen.workers.size(), 1), spec.acts.size()) - 1];
    if (!seen.workers.empty() && account_.gone.contains(seen.workers.back())) {
      found(FindingKind::no_death_notice,
            fmt::format("the worker died ({}) with request {} in its hand, and the caller was "
                        "never told: no death notice",
                        last.command, spec.name));
    } else if (code == "ok" && waits_for_nobody(seen)) {
      found(FindingKind::not_replaced,
            fmt::format("request {} waits, and no worker has anything to do: {} of {} ended, and "
                        "nobody took the place",
                        spec.name, account_.gone.size(), account_.workers.size()));
    } else if (code == "queue_full") {
      found(FindingKind::no_queue_bound,
            fmt::format("request {} was taken in, though {} may wait and did: the queue has no "
                        "bound",
                        spec.name, scenario_.setup.queue_max));
    } else if (code == "queue_timeout" || code == "call_timeout") {
      found(FindingKind::no_deadline,
            fmt::format("request {} has a deadline of {} ms, and nothing happened when it passed "
                        "{}",
                        spec.name, spec.deadline.value_or(ample).count(),
                        seen.workers.empty() ? "in the queue" : "in a worker's hand"));
    } else {
      found(FindingKind::never_told,
            fmt::format("request {} never ended: {} was expected", spec.name, code));
    }
  }

  // It is in the queue, a worker has ended, and no other request is in a worker's hand.
  [[nodiscard]] bool waits_for_nobody(const Account::Ticket& seen) const {
    const auto is_done = [](const auto& other) {
      return other.second.workers.empty() || !other.second.outcomes.empty();
    };
    return seen.workers.empty() && !account_.gone.empty() &&
           std::all_of(account_.tickets.begin(), account_.tickets.end(), is_done);
  }

  void judge_outcome(const TicketSpec& spec, const TrialOutcome& got) {
    const Expected& wanted = spec.expect;
    if (got.code != wanted.code && !is_open(wanted.open, "code")) {
      found(FindingKind::wrong_outcome, fmt::format("request {} ended with {}; {} was expected",
                                                    spec.name, in_words(got), wanted.code));
      return;
    }
    if (const auto code = code_named(got.code)) {
      const std::string category{pool::to_string(pool::traits(*code).category)};
      const bool certainty = wanted.indeterminate.value_or(pool::traits(*code).certainty ==
                                                           pool::Certainty::indeterminate);
      if (got.category != category || got.indeterminate != certainty) {
        found(FindingKind::wrong_outcome,
              fmt::format("request {} ended with {}; category {}, {}, was expected", spec.name,
                          in_words(got), category,
                          certainty ? "it may have happened" : "it did not happen"));
      }
    }
    if (can(capabilities_, Capability::counts_attempts) && got.attempts != wanted.attempts &&
        !is_open(wanted.open, "attempts")) {
      found(FindingKind::wrong_outcome,
            fmt::format("request {} is said to have had {} attempts; {} were expected", spec.name,
                        got.attempts, wanted.attempts));
    }
    if (!wanted.answer.empty() && got.reply.find('"' + wanted.answer + '"') == std::string::npos) {
      found(FindingKind::wrong_outcome, fmt::format("request {} was answered {}; {} was expected",
                                                    spec.name, got.reply, wanted.answer));
    }
  }

  void judge_runs(const TicketSpec& spec, const Account::Ticket& seen) {
    if (is_open(spec.expect.open, "runs")) return;
    const std::size_t wanted = expected_runs(spec);
    const std::size_t ran = seen.workers.size();
    if (ran > wanted) {
      found(FindingKind::ran_too_often,
            fmt::format("request {} was given to a worker {} times, {} was expected{}", spec.name,
                        ran, wanted,
                        ran > 1 && !spec.idempotent
                            ? ": it is not declared idempotent, and ran again behind its caller's "
                              "back"
                            : ""));
    } else if (ran < wanted && (seen.unseen || !account_.cut_short)) {
      found(FindingKind::not_run, fmt::format("request {} was given to a worker {} times, {} was "
                                              "expected",
                                              spec.name, ran, wanted));
    }
  }

  void judge_worker(const TicketSpec& spec, const Account::Ticket& seen) {
    if (is_open(spec.expect.open, "worker") || seen.workers.empty()) return;
    const auto had = [&](const std::string& other) {
      const auto it = account_.tickets.find(other);
      return it != account_.tickets.end() && !it->second.workers.empty() &&
             it->second.workers.back() == seen.workers.back();
    };
    // A pool may also replace a worker that is late.
    const bool may_be_replaced =
        scenario_.drained > 0 && !can(capabilities_, Capability::drains_late_replies);
    if (const std::string& same = spec.expect.same_worker_as;
        !same.empty() && !had(same) && !may_be_replaced) {
      found(FindingKind::wrong_worker,
            fmt::format("request {} belongs to the worker of request {}, and another had it",
                        spec.name, same));
    }
    if (const std::string& other = spec.expect.other_worker_than; !other.empty() && had(other)) {
      found(FindingKind::wrong_worker,
            fmt::format("request {} was given to the worker of request {}, and should not have "
                        "been",
                        spec.name, other));
    }
  }

  [[nodiscard]] bool any_told_twice() const {
    return std::any_of(account_.tickets.begin(), account_.tickets.end(),
                       [](const auto& ticket) { return ticket.second.outcomes.size() > 1; });
  }

  void judge_order() {
    // Whoever got no outcome, or was run too often, has a finding of their own.
    auto wanted_outcomes = expected_order(scenario_);
    std::erase_if(wanted_outcomes, [&](const std::string& name) {
      const auto it = account_.tickets.find(name);
      return it == account_.tickets.end() || it->second.outcomes.empty();
    });
    if (const auto& wanted = wanted_outcomes;
        account_.order != wanted && !any_told_twice() && !is_open(scenario_.open, "order")) {
      found(FindingKind::wrong_order, fmt::format("outcomes came in the order {}; {} was expected",
                                                  joined(account_.order), joined(wanted)));
    }
    if (const auto wanted = expected_hands(scenario_); account_.hands != wanted &&
                                                       is_permutation_of(account_.hands, wanted) &&
                                                       !is_open(scenario_.open, "hands")) {
      found(FindingKind::wrong_order,
            fmt::format("workers had the requests in the order {}; {} was expected",
                        joined(account_.hands), joined(wanted)));
    }
  }

  void compare(const char* what, std::uint64_t said, std::uint64_t wanted) {
    if (said == wanted || is_open(scenario_.open, what)) return;
    found(FindingKind::wrong_count,
          fmt::format("the pool counts {} {}; {} was expected", said, what, wanted));
  }

  // The pool's own sums against what the callers were told, and against the scenario.
  void judge_counts() {
    if (!account_.counts) return;
    const TrialCounts& said = *account_.counts;
    TrialCounts told;
    for (const auto& [name, seen] : account_.tickets) {
      if (seen.outcomes.empty()) continue;
      const std::string& code = seen.outcomes[0].code;
      // A caller's own mistake is told at once, and is no request.
      if (code == "invalid_arguments" || code == "invalid_option") continue;
      ++told.submitted;
      ++(code == "ok"                                           ? told.ok
         : code == "queue_timeout" || code == "call_timeout"    ? told.timed_out
         : code == "cancelled" || code == "cancelled_in_flight" ? told.cancelled
         : code == "queue_full" || code == "workers_unavailable" || code == "pool_stopping" ||
                 code == "session_state_lost" || code == "circuit_open" ||
                 code == "circuit_half_open_limit" || code == "deadline_unreachable" ||
                 code == "concurrency_limited"
             ? told.rejected
             : told.failed);
    }
    compare("submitted", said.submitted, told.submitted);
    compare("ok", said.ok, told.ok);
    compare("timed_out", said.timed_out, told.timed_out);
    compare("rejected", said.rejected, told.rejected);
    compare("cancelled", said.cancelled, told.cancelled);
    compare("failed", said.failed, told.failed);
    compare("retries", said.retries, scenario_.retries);
    compare("lost", said.workers_lost, scenario_.lost);
    compare("drained", said.late_replies_drained, scenario_.drained);
  }

  const Scenario& scenario_;
  const Account& account_;
  const std::vector<Capability>& capabilities_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge(const Scenario& scenario, const Account& account,
                           const std::vector<Capability>& capabilities) {
  return Judge{scenario, account, capabilities}.findings();
}

}  // namespace ordeal::trial

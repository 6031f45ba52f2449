// What holds for retries whatever happens: any policies, verdicts, cancels and pauses, in any
// order, on a core whose workers come back when they are lost.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "pool/core/tests/core_stage.hpp"
#include "pool/core/trace.hpp"

namespace ordeal::pool::core {
namespace {

using V = ExchangeVerdict;
using P = WireProgress;

RetryPolicy any_policy() {
  RetryPolicy policy{.max_retries = *rc::gen::inRange(0U, 6U),
                     .backoff = static_cast<Backoff>(*rc::gen::inRange(0, 6)),
                     .jitter_percent = *rc::gen::inRange<std::uint8_t>(0, 101),
                     .base_delay = *rc::gen::inRange(0, 40) * 1ms,
                     .max_delay = *rc::gen::inRange(0, 80) * 1ms};
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
    policy.delays.add(*rc::gen::inRange(0, 60) * 1ms);
  }
  return policy;
}

CoreOptions any_budget(CoreOptions options) {
  options.retry_budget_percent = *rc::gen::inRange(0U, 101U);
  options.retry_budget_max = *rc::gen::inRange(0U, 8U);
  options.retry_budget_per_second = *rc::gen::inRange(0U, 50U);
  return options;
}

struct Request {
  bool idempotent = false;
  Duration patience{};  // its deadline, from now
  RetryPolicy policy;
};

Request any_request() {
  return {.idempotent = *rc::gen::inRange(0, 4) != 0,
          .patience = *rc::gen::inRange(1, 1000) * 1ms,
          .policy = any_policy()};
}

struct Step {
  int what = 0;           // 0, 1: submit; 2: cancel; else: end an exchange
  std::uint32_t who = 0;  // of the open tickets
  int how = 0;
  Duration pass{};
  Request request;
};

std::vector<Step> any_schedule() {
  std::vector<Step> steps(*rc::gen::inRange<std::size_t>(0, 100));
  for (Step& step : steps) {
    step.what = *rc::gen::inRange(0, 8);
    step.who = *rc::gen::arbitrary<std::uint32_t>();
    step.how = *rc::gen::inRange(0, 12);
    step.pass = *rc::gen::inRange(0, 30) * 1ms;
    if (step.what < 2) step.request = any_request();
  }
  return steps;
}

// Plays a schedule, and looks at each action.
class Player {
 public:
  explicit Player(const CoreOptions& options) : stage_(options, 7) {
    stage_.open();
    listen();
  }

  void play(const Step& step) {
    if (step.what < 2) {
      submit(step.request);
    } else if (open_.empty()) {
      return;
    } else if (step.what == 2) {
      hear([&] { stage_.cancel(one_of(step.who)); });
    } else if (running(one_of(step.who))) {
      end(one_of(step.who), step.how);
    }
    pass(step.pass);
  }
  [[nodiscard]] const std::string& log() const { return log_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct Open {
    TicketId id;
    Instant deadline{};
    RetryPolicy policy;
    std::uint32_t begun = 0;  // exchanges that a worker saw
    bool running = false;
    Instant paused_until{};
  };

  void submit(const Request& request) {
    Open open{.id = {}, .deadline = stage_.now + request.patience, .policy = request.policy};
    open.id = TicketId{stage_.next_index, stage_.next_serial};
    open_.push_back(open);
    hear([&] {
      (void)stage_.submit(event::Submitted{
          .deadline = open.deadline, .idempotent = request.idempotent, .retry = request.policy});
    });
  }

  void end(TicketId ticket, int how) {
    const WorkerId worker = stage_.worker_of(ticket);
    Open& open = *find(ticket);
    open.running = false;
    if (how != 2) ++open.begun;
    hear([&] {
      switch (how) {
        case 0:
          stage_.ended(ticket);
          return;
        case 1:
          stage_.ended(ticket, V::application_error);
          return;
        case 2:
          stage_.ended(ticket, V::violated, P::untouched, ErrorCode::stray_output);
          return;
        case 3:
        case 4:
        case 5:
          stage_.ended(ticket, V::violated, P::written, ErrorCode::malformed_reply);
          return;
        default:  // most of all, since all other ways end a request soon
          stage_.feed(event::ExchangeEnded{
              .ticket = ticket, .verdict = V::application_error, .retryable = true});
          return;
      }
    });
    if (how < 2 || how > 5) return;
    hear([&] { stage_.exited(worker); });
    while (!stage_.starting.empty()) {
      hear([&] { stage_.ready(stage_.starting.begin()->second); });
    }
  }

  // In steps, so that every action is heard at its own time.
  void pass(Duration by) {
    const Instant until = stage_.now + by;
    while (true) {
      const auto next = stage_.core.poll_timeout();
      if (!next || *next > until) break;
      stage_.now = std::max(stage_.now, *next);
      hear([&] { stage_.feed(event::TimePassed{}); });
      while (!stage_.starting.empty()) {
        hear([&] { stage_.ready(stage_.starting.begin()->second); });
      }
    }
    stage_.now = until;
  }

  template <typename Act>
  void hear(Act act) {
    act();
    listen();
  }

  void listen() {
    for (const Action& action : stage_.last) {
      write_action(log_, action);
      if (const auto* grant = std::get_if<action::Grant>(&action)) heard(*grant);
      if (const auto* pause = std::get_if<action::Pause>(&action)) heard(*pause);
      if (const auto* resolve = std::get_if<action::Resolve>(&action)) {
        std::erase_if(open_, [&](const Open& open) { return open.id == resolve->ticket; });
      }
    }
  }
  void heard(const action::Grant& grant) {
    Open& open = *find(grant.ticket);
    open.running = true;
    if (stage_.now >= open.deadline) trouble_ = "(15) an attempt after the deadline";
    if (stage_.now < open.paused_until) trouble_ = "(42) an attempt within the pause";
    if (grant.attempt != open.begun + 1) trouble_ = "(13) attempts are counted wrongly";
    if (grant.attempt > open.policy.max_retries + 1) trouble_ = "(13) an attempt too many";
  }
  void heard(const action::Pause& pause) {
    Open& open = *find(pause.ticket);
    open.running = false;
    open.paused_until = stage_.now + pause.delay;
    if (open.paused_until >= open.deadline) trouble_ = "(15) a pause beyond the deadline";
    if (pause.delay > open.policy.max_delay) trouble_ = "(39) a delay beyond max_delay";
  }

  TicketId one_of(std::uint32_t who) { return open_[who % open_.size()].id; }
  Open* find(TicketId id) {
    for (Open& open : open_) {
      if (open.id == id) return &open;
    }
    return nullptr;
  }
  bool running(TicketId id) { return find(id)->running; }

  Stage stage_;
  std::vector<Open> open_;
  std::string log_;
  std::string trouble_;
};

RC_GTEST_PROP(RetryProperties, NoAttemptTooManyNoneTooLateAndNoPauseBeyondTheDeadline, ()) {
  cites(38, 39, 42);
  cites_property(13, 15);
  Player player(any_budget({.size = *rc::gen::inRange(1U, 4U), .poison_deaths_max = 3}));
  for (const Step& step : any_schedule()) player.play(step);
  RC_ASSERT(player.trouble() == "");
}

RC_GTEST_PROP(RetryProperties, TheSameSeedAndInputsGiveTheSameLogToTheByte, ()) {
  cites_property(12);
  const CoreOptions options = any_budget({.size = *rc::gen::inRange(1U, 4U)});
  const std::vector<Step> schedule = any_schedule();
  Player one(options);
  Player another(options);
  for (const Step& step : schedule) {
    one.play(step);
    another.play(step);
  }
  RC_ASSERT(one.log() == another.log());
}

RC_GTEST_PROP(RetryProperties, AnEmptyBudgetIsAsGoodAsNoPolicyAndNeverCostsAFirstAttempt, ()) {
  cites_property(13);
  CoreOptions options{.size = *rc::gen::inRange(1U, 4U), .queue_max = *rc::gen::inRange(0U, 4U)};
  options.retry_budget_max = options.retry_budget_percent = options.retry_budget_per_second = 0;
  Player with(options);
  Player without(options);
  for (Step step : any_schedule()) {
    with.play(step);
    step.request.policy.max_retries = 0;
    without.play(step);
  }
  // A poisoned request is one that may be retried: its deaths alone are counted.
  RC_PRE(with.log().find("poisoned") == std::string::npos);
  RC_ASSERT(with.log() == without.log());
}

// One request after the other; each attempt takes `service` and fails so that another may help.
struct Serial {
  std::vector<Duration> delays;
  std::vector<Duration> elapsed;  // by request
  std::uint64_t attempts = 0;
};

Serial play_serially(const CoreOptions& options, const std::vector<RetryPolicy>& policies,
                     Duration service) {
  Stage stage(options, 11);
  stage.open();
  Serial seen;
  for (const RetryPolicy& policy : policies) {
    const Instant begun = stage.now;
    const TicketId ticket = stage.submit(event::Submitted{.idempotent = true, .retry = policy});
    while (!stage.outcome(ticket)) {
      ++seen.attempts;
      stage.advance(service);
      stage.feed(event::ExchangeEnded{
          .ticket = ticket, .verdict = V::application_error, .retryable = true});
      for (const action::Pause& pause : stage.said<action::Pause>()) {
        seen.delays.push_back(pause.delay);
        stage.advance(pause.delay);
      }
    }
    seen.elapsed.push_back(stage.now - begun);
  }
  return seen;
}

std::vector<RetryPolicy> any_policies() {
  std::vector<RetryPolicy> policies(*rc::gen::inRange<std::size_t>(1, 40));
  for (RetryPolicy& policy : policies) policy = any_policy();
  return policies;
}

RC_GTEST_PROP(RetryProperties, ASerialScheduleIsTheSameOnAPoolOfAnySize, ()) {
  cites_property(12);
  CoreOptions options = any_budget({.size = 1});
  const auto policies = any_policies();
  const Serial small = play_serially(options, policies, 2ms);
  options.size = *rc::gen::inRange(2U, 6U);
  const Serial large = play_serially(options, policies, 2ms);
  RC_ASSERT(small.delays == large.delays);
  RC_ASSERT(small.attempts == large.attempts);
}

RC_GTEST_PROP(RetryProperties, TimeTakenIsTheSumOfAttemptsAndPauses, ()) {
  cites(42);
  cites_property(15);
  const Duration service = *rc::gen::inRange(0, 20) * 1ms;
  const Serial seen = play_serially(any_budget({.size = 1}), any_policies(), service);
  Duration sum{};
  for (const Duration elapsed : seen.elapsed) sum += elapsed;
  for (const Duration delay : seen.delays) sum -= delay;
  RC_ASSERT(sum == static_cast<std::int64_t>(seen.attempts) * service);
}

RC_GTEST_PROP(RetryProperties, WithEveryAttemptFailingTheBudgetBoundsTheLoad, ()) {
  cites_property(14, 23);
  CoreOptions options = any_budget({.size = 1});
  options.retry_budget_per_second = 0;
  const std::uint64_t first_attempts = *rc::gen::inRange(1U, 300U);
  // Whatever they may: it is the budget that bounds.
  RetryPolicy eager{
      .max_retries = *rc::gen::inRange(1U, 100U), .base_delay = 0ns, .max_delay = 0ns};
  const Serial seen = play_serially(options, std::vector<RetryPolicy>(first_attempts, eager), 1ms);
  const std::uint64_t extra = seen.attempts - first_attempts;
  RC_ASSERT(100 * extra <=
            first_attempts * options.retry_budget_percent + 100ULL * options.retry_budget_max);
  // Nor is the budget left unused where there are retries enough to use it.
  if (options.retry_budget_max > 1 && eager.max_retries > options.retry_budget_max + 1) {
    RC_ASSERT(100 * (extra + 1) > std::uint64_t{first_attempts - 1} * options.retry_budget_percent);
  }
}

}  // namespace
}  // namespace ordeal::pool::core

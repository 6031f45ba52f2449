#include "pool/runtime/recovery_book.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/housekeeper.hpp"

namespace ordeal::pool::runtime {
namespace {

std::string_view event_name(RecoveryOutcome outcome) {
  switch (outcome) {
    case RecoveryOutcome::succeeded:
      return event_names::recovery_succeeded;
    case RecoveryOutcome::failed:
      return event_names::recovery_failed;
    case RecoveryOutcome::cancelled:
      return event_names::recovery_cancelled;
    case RecoveryOutcome::timed_out:
      break;
  }
  return event_names::recovery_timed_out;
}

Error is_ending(const char* why) { return make_error(ErrorCode::pool_stopping, why); }

}  // namespace

RecoveryBook::RecoveryBook(Caller pool, Caller spare, RecoveryOptions options)
    : pool_(std::move(pool)),
      engine_(pool_.engine),
      spare_(std::move(spare)),
      options_(std::move(options)),
      ledger_(options_.max_concurrent) {}

// What the plan needs and is not there, or must not be done, leaves nothing but to give up.
RecoveryPlan RecoveryBook::plan_of(const Error& error, const RecoveryRequest& request) const {
  std::optional<RecoveryPlan> wanted;
  if (options_.decide) wanted = options_.decide(error, request);
  RecoveryPlan plan = wanted ? *wanted : recovery_plan(error, request.context);
  const bool runs_again =
      plan.action == RecoveryAction::retry || plan.action == RecoveryAction::failover;
  const bool may = !runs_again || may_run_again(error, request.context);
  const bool has_handler = static_cast<bool>(options_.handler);
  const bool can = (plan.action != RecoveryAction::custom || has_handler) &&
                   (plan.action != RecoveryAction::failover || spare_.engine || has_handler);
  if (!may || !can) plan.action = RecoveryAction::abandon;
  return plan;
}

Result<RecoveryId> RecoveryBook::handle(const Error& error, RecoveryRequest request,
                                        Recovery::Callback callback) {
  if (is_forked_copy()) return tl::unexpected(made_by_another_process());
  if (engine_->is_retired() || (spare_.engine && spare_.engine->is_retired())) {
    return tl::unexpected(is_ending("a pool of this recovery is gone"));
  }
  const Instant at = now();
  auto made = std::make_shared<Case>();
  made->cause = error;
  made->plan = plan_of(error, request);
  made->callback = std::move(callback);
  const auto& context = request.context;
  made->deadline =
      core::after(at, recovery_deadline(severity_of(error, context), context.user_facing));
  if (request.deadline) {
    const auto own =
        request.deadline->resolve(to_steady(at), std::chrono::steady_clock::duration{});
    made->deadline = std::min(made->deadline, to_instant(own));
  }
  made->request = std::move(request);
  made->session = made->request.context.session;
  made->request.context.session = made->session;
  made->calls = made->plan.action == RecoveryAction::retry ||
                (made->plan.action == RecoveryAction::failover && spare_.engine != nullptr);
  Key key;
  {
    const std::lock_guard lock{mutex_};
    if (closed_) return tl::unexpected(is_ending("the recovery is being destroyed"));
    const auto begun = ledger_.begin(at);
    if (!begun) {
      return tl::unexpected(
          make_error(ErrorCode::recovery_capacity_exceeded,
                     fmt::format("{} recoveries are active, max_concurrent is {}",
                                 ledger_.statistics().active, options_.max_concurrent)));
    }
    key = *begun;
    if (key.index >= cases_.size()) cases_.resize(key.index + std::size_t{1});
    made->key = key;
    cases_[key.index] = made;
    ++undelivered_;
  }
  tell(event_names::recovery_started, *made, {});
  if (made->plan.action == RecoveryAction::retry) {
    begin(key, pool_, made->plan.retry);
  } else if (made->calls) {
    begin(key, spare_, std::nullopt);
  } else {
    engine_->post_callback([self = shared_from_this(), key] { self->run_job(key); });
  }
  return id_of(key);
}

// Without `retry` the pool's own policy holds.
void RecoveryBook::begin(Key key, const Caller& by, std::optional<RetryPolicy> retry) {
  std::shared_ptr<Case> active;
  {
    const std::lock_guard lock{mutex_};
    active = cases_[key.index];
  }
  const RecoveryRequest& request = active->request;
  const CallOptions options{.deadline = to_steady(active->deadline),
                            .idempotent = request.context.idempotent,
                            .retry = retry,
                            .breaker_key = by.engine->options().breaker.enabled
                                               ? std::string_view{request.breaker_key}
                                               : std::string_view{},
                            .session = active->session,
                            .label = request.label,
                            .traceparent = request.traceparent};
  const auto ended = [self = shared_from_this(), key](Result<Reply> reply) {
    self->conclude(key, std::move(reply));
  };
  auto give_up = call(by, request, options, ended);
  if (!give_up) return conclude(key, tl::unexpected(std::move(give_up.error())));
  bool cancelled = false;
  {
    const std::lock_guard lock{mutex_};
    if (!ledger_.is_active(key)) return;  // its callback was faster
    active->give_up = *give_up;
    cancelled = active->cancelled;
  }
  if (cancelled) (*give_up)();
}

// Returns what gives the call up.
Result<std::function<void()>> RecoveryBook::call(const Caller& by, const RecoveryRequest& request,
                                                 const CallOptions& options,
                                                 const Pool::Callback& ended) {
  const JsonText arguments{request.arguments};
  if (!options.session.empty()) {
    return by.sessions->call_async(options.session, request.command, arguments, options, ended)
        .map([](const std::shared_ptr<SessionTicket>& ticket) -> std::function<void()> {
          return [ticket] { ticket->stop.request_stop(); };
        });
  }
  return by.engine->call_async(request.command, arguments, options, ended)
      .map([engine = by.engine](core::TicketId id) -> std::function<void()> {
        return [engine, id] { engine->cancel(id); };
      });
}

// On the callback thread: what needs no call. A cancel before it has ended the recovery.
void RecoveryBook::run_job(Key key) {
  std::shared_ptr<Case> active;
  {
    const std::lock_guard lock{mutex_};
    if (!ledger_.admit(key)) return;
    active = cases_[key.index];
    active->handler_runs = true;
  }
  Result<Reply> reply = tl::unexpected(active->cause);
  switch (active->plan.action) {
    case RecoveryAction::circuit_break:
      break_circuit(*active);
      try {
        if (options_.circuit_break) options_.circuit_break(active->plan.circuit, active->cause);
      } catch (...) {
        // Its outcome is the same: failed, with its cause.
      }
      break;
    case RecoveryAction::failover:
    case RecoveryAction::custom:
      reply = answer_of_handler(*active);
      break;
    case RecoveryAction::retry:
    case RecoveryAction::abandon:
      break;
  }
  conclude(key, std::move(reply));
}

void RecoveryBook::break_circuit(Case& active) const {
  if (!options_.breaks_circuits || !engine_->options().breaker.enabled) return;
  const std::string_view key =
      engine_->breaker_key_of(active.request.command, active.request.breaker_key);
  if (key.empty()) return;
  if (engine_->order_circuit(key, core::CircuitOrder::trip)) active.circuit = key;
}

Result<Reply> RecoveryBook::answer_of_handler(const Case& active) const {
  try {
    Result<Reply> reply = options_.handler(active.request, active.cause);
    if (now() < active.deadline) return reply;
    return tl::unexpected(make_error(ErrorCode::recovery_timeout,
                                     "the handler answered after the recovery's deadline"));
  } catch (const std::exception& thrown) {
    Error error = active.cause;
    error.message = fmt::format("the recovery's handler threw: {}; the cause: {}", thrown.what(),
                                active.cause.message);
    return tl::unexpected(std::move(error));
  } catch (...) {
    return tl::unexpected(active.cause);
  }
}

RecoveryOutcome RecoveryBook::outcome_of(const Case& active, const Result<Reply>& reply) {
  if (reply) return RecoveryOutcome::succeeded;
  switch (reply.error().code) {
    case ErrorCode::cancelled:
    case ErrorCode::cancelled_in_flight:
      return active.cancelled ? RecoveryOutcome::cancelled : RecoveryOutcome::failed;
    case ErrorCode::queue_timeout:
    case ErrorCode::call_timeout:
      // Without a call it is the cause, handed back: no time-out of the recovery.
      return active.calls ? RecoveryOutcome::timed_out : RecoveryOutcome::failed;
    case ErrorCode::recovery_timeout:
      return RecoveryOutcome::timed_out;
    default:
      return RecoveryOutcome::failed;
  }
}

void RecoveryBook::conclude(Key key, Result<Reply> reply) {
  std::shared_ptr<Case> ended;
  RecoveryResult result;
  {
    const std::lock_guard lock{mutex_};
    if (!ledger_.admit(key)) return;
    ended = std::exchange(cases_[key.index], nullptr);
    result.outcome = outcome_of(*ended, reply);
    result.elapsed = *ledger_.end(key, result.outcome, now());
  }
  result.id = id_of(key);
  result.via = ended->plan.action;
  result.cause = ended->cause;
  result.circuit = ended->circuit;
  result.reply = std::move(reply);
  // As between the attempts of one call: what may have happened is not undone by a later failure.
  if (!result.reply && ended->cause.certainty() == Certainty::indeterminate) {
    result.reply.error().maybe_ran = true;
  }
  deliver(ended, std::move(result));
}

void RecoveryBook::deliver(const std::shared_ptr<Case>& ended, RecoveryResult result) {
  tell(event_name(result.outcome), *ended, result.elapsed);
  engine_->run_callback([self = shared_from_this(), ended, result = std::move(result)] {
    struct Delivered {
      RecoveryBook& book;
      ~Delivered() { book.note_delivered(); }
    } const delivered{*self};
    try {
      if (ended->callback) ended->callback(result);
    } catch (...) {
      // Contained: nobody is there to catch it.
    }
  });
}

void RecoveryBook::note_delivered() {
  {
    const std::lock_guard lock{mutex_};
    --undelivered_;
  }
  delivered_.notify();
}

bool RecoveryBook::cancel(RecoveryId id) {
  const Key key = key_of(id);
  std::function<void()> give_up;
  bool ends_here = false;
  {
    const std::lock_guard lock{mutex_};
    if (!ledger_.is_active(key)) return false;
    Case& active = *cases_[key.index];
    active.cancelled = true;
    ends_here = !active.calls && !active.handler_runs;
    give_up = active.give_up;
  }
  if (give_up) give_up();
  if (ends_here) {
    conclude(key, tl::unexpected(make_error(ErrorCode::cancelled,
                                            "the recovery was cancelled before it began")));
  }
  return true;
}

void RecoveryBook::close() {
  std::vector<RecoveryId> active;
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (const auto& it : cases_) {
      if (it) active.push_back(id_of(it->key));
    }
  }
  for (const RecoveryId id : active) cancel(id);
  if (engine_->on_callback_thread()) return;  // what is waited for runs here
  while (true) {
    const std::uint32_t ticket = delivered_.ticket();
    {
      const std::lock_guard lock{mutex_};
      if (undelivered_ == 0) return;
    }
    delivered_.wait_until(core::never, ticket);
  }
}

RecoveryStatistics RecoveryBook::statistics() const {
  const std::lock_guard lock{mutex_};
  return ledger_.statistics();
}

void RecoveryBook::tell(std::string_view what, const Case& active, Duration duration) {
  PoolEvent event;
  event.what = what;
  event.at = std::chrono::steady_clock::now();
  event.code = active.cause.code;
  event.maybe_ran = active.cause.maybe_ran;
  event.worker = active.cause.worker.value_or(0);
  event.reason = to_string(active.plan.action);
  event.duration = duration;
  event.label = active.request.label;
  event.traceparent = active.request.traceparent;
  engine_->tell_sinks(std::move(event));
}

}  // namespace ordeal::pool::runtime

// Calls in sessions that no thread waits for: the clerk uses the store, the housekeeper the worker,
// and the pool's callback thread hears the outcome.
#include <optional>
#include <utility>

#include "pool/runtime/clock.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/sessions.hpp"

namespace ordeal::pool::runtime {

// What the caller said, owned. Not moved: `call` and `options` point into it.
struct Sessions::AsyncCall {
  AsyncCall(std::string_view in_session, std::string_view asked, JsonText given_arguments,
            const CallOptions& given, Instant until, Pool::Callback heard)
      : session(in_session),
        command(asked),
        arguments(given_arguments.text),
        label(given.label),
        traceparent(given.traceparent),
        breaker_key(given.breaker_key),
        options(given),
        callback(std::move(heard)),
        ticket(std::make_shared<SessionTicket>()) {
    options.session = session;
    options.label = label;
    options.traceparent = traceparent;
    options.breaker_key = breaker_key;
    options.deadline = to_steady(until);
    options.stop_token = ticket->stop.get_token();
    const SessionCommand* known = find_session_command(command);
    call.emplace(Call{session, command, JsonText{arguments}, options, until, known,
                      read_arguments(arguments, known)});
    if (given.stop_token.stop_possible()) {
      on_stop_requested.emplace(given.stop_token, [held = ticket] { held->stop.request_stop(); });
    }
  }

  const std::string session;
  const std::string command;
  const std::string arguments;
  const std::string label;
  const std::string traceparent;
  const std::string breaker_key;
  CallOptions options;
  std::optional<Call> call;
  Pool::Callback callback;
  const std::shared_ptr<SessionTicket> ticket;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_requested;
};

CallbackThread& Sessions::clerk() {
  const std::lock_guard lock{mutex_};
  if (!clerk_) clerk_ = std::make_unique<CallbackThread>("ordeal-sessions");
  return *clerk_;
}

Result<std::shared_ptr<SessionTicket>> Sessions::call_async(std::string_view session,
                                                            std::string_view command,
                                                            JsonText arguments,
                                                            const CallOptions& given,
                                                            Pool::Callback callback) {
  if (auto usable = store(); !usable) return tl::unexpected(std::move(usable.error()));
  if (!given.session.empty() && given.session != session) {
    return tl::unexpected(annotate(another_session(session, given.session), given));
  }
  auto async = std::make_shared<AsyncCall>(session, command, arguments, given,
                                           until(given.deadline), std::move(callback));
  const SessionArguments& read = async->call->read;
  const Arguments known = read.is_object ? Arguments::an_object : Arguments::unchecked;
  if (auto fine =
          engine_->check_async(command, arguments, async->options, async->call->prior(known));
      !fine) {
    return tl::unexpected(std::move(fine.error()));
  }
  if (auto fine = check(*async->call); !fine) {
    return tl::unexpected(annotate(std::move(fine.error()), given));
  }
  {
    const std::lock_guard lock{mutex_};
    if (closed_) {
      return tl::unexpected(annotate(
          make_error(ErrorCode::pool_stopping, "the pool of this session is gone"), given));
    }
    ++undelivered_;
  }
  clerk().post_callback([this, async] { begin(async); });
  return async->ticket;
}

void Sessions::begin(const std::shared_ptr<AsyncCall>& async) {
  auto prepared = prepare(*async->call);
  if (!prepared) return deliver(async, tl::unexpected(std::move(prepared.error())));
  if (prepared->answer) return deliver(async, std::move(*prepared->answer));
  submit(async, std::move(*prepared));
}

void Sessions::submit(const std::shared_ptr<AsyncCall>& async, Prepared prepared) {
  const Call& call = *async->call;
  // As create_again(): the worker that has one of that name forgets it, and is asked once more.
  FollowUp follow_up;
  if (call.creates()) {
    follow_up = [async](std::size_t step,
                        const ExchangeOutcome& outcome) -> std::optional<FollowUpRequest> {
      const Call& create = *async->call;
      if (step == 0 && says_exists(outcome)) {
        return forget_request(create.read.program);
      }
      if (step == 1 && outcome.verdict == core::ExchangeVerdict::replied) {
        return FollowUpRequest{.command = async->command,
                               .arguments = async->arguments,
                               .adds_session = !create.read.has_session};
      }
      return std::nullopt;
    };
  }
  const auto ended = [this, async, change = prepared.change](Result<Reply> reply) {
    if (!reply) return deliver(async, std::move(reply));
    clerk().post_callback([this, async, change, held = std::move(reply)]() mutable {
      deliver(async, conclude(*async->call, change, std::move(held)));
    });
  };
  const auto id = reaches_all_workers(call.command)
                      ? engine_->configure_async(call.command, call.arguments, call.options, ended)
                      : engine_->call_async(call.command, prepared.sent(call), call.options, ended,
                                            std::move(follow_up), call.prior(prepared.known));
  if (!id) return deliver(async, tl::unexpected(id.error()));
  async->ticket->serial.store(id->serial, std::memory_order_relaxed);
}

void Sessions::deliver(const std::shared_ptr<AsyncCall>& async, Result<Reply> result) {
  engine_->run_callback([this, async, held = std::move(result)]() mutable {
    struct Delivered {
      Sessions& sessions;
      ~Delivered() { sessions.note_delivered(); }
    } const delivered{*this};
    async->on_stop_requested.reset();
    const Pool::Callback callback = std::move(async->callback);
    if (callback) callback(std::move(held));
  });
}

void Sessions::note_delivered() {
  {
    const std::lock_guard lock{mutex_};
    --undelivered_;
    delivered_.notify();
  }
}

void Sessions::drain() {
  while (true) {
    const std::uint32_t ticket = delivered_.ticket();
    {
      const std::lock_guard lock{mutex_};
      if (undelivered_ == 0) return;
    }
    delivered_.wait_until(core::never, ticket);
  }
}

void Sessions::close() {
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  drain();
  if (clerk_) clerk_->finish();  // nobody makes one any more
}

}  // namespace ordeal::pool::runtime

// Sessions: the store that is asked for, and calls on the caller's own thread.
#include "pool/runtime/sessions.hpp"

#include <chrono>
#include <utility>

#include "pool/runtime/clock.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/lease_state.hpp"
#include "pool/store/memory_store.hpp"
#include "pool/store/sqlite_store.hpp"

namespace ordeal::pool::runtime {
namespace {

using store::Milliseconds;

constexpr std::string_view sqlite_prefix = "sqlite:";

// The wall clock as it was at the start, moved on by the steady one: comparable between hosts and
// over restarts, and no step of the wall clock ends a session. Ages count in milliseconds, and each
// call in a session asks twice: a tick behind is good enough.
store::Clock anchored_clock() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const Instant steady = now();
  return
      [wall, steady] { return std::chrono::floor<Milliseconds>(wall + (recent_now() - steady)); };
}

// Gives a lease back in the end.
struct Held {
  Engine& engine;
  LeaseState& lease;
  ~Held() { engine.release_lease(lease); }
};

}  // namespace

Result<std::unique_ptr<store::SessionStore>> Sessions::open_store(const Options& options) {
  store::StoreOptions how{.clock = anchored_clock(), .ttl = options.session_ttl};
  if (!options.session_store.starts_with(sqlite_prefix)) {
    return std::make_unique<store::MemoryStore>(std::move(how));
  }
  store::DatabaseOptions file{.path = options.session_store.substr(sqlite_prefix.size())};
  auto opened = store::SqliteStore::open(std::move(file), std::move(how));
  if (!opened) return tl::unexpected(std::move(opened.error()));
  return std::move(*opened);
}

Sessions::Sessions(std::shared_ptr<Engine> engine, std::unique_ptr<store::SessionStore> store)
    : engine_(std::move(engine)),
      store_(std::move(store)),
      store_in_memory_(!engine_->options().session_store.starts_with(sqlite_prefix)),
      swept_at_ns_(now().time_since_epoch().count()) {}

Result<store::SessionStore*> Sessions::store() const {
  if (engine_->is_forked_copy()) return tl::unexpected(made_by_another_process());
  return store_.get();
}

Instant Sessions::until(const Deadline& deadline, Instant at) const {
  return to_instant(deadline.resolve(to_steady(at), engine_->options().call_timeout));
}

CallOptions Sessions::Call::settled_options() const {
  CallOptions settled = options;
  settled.session = session;
  settled.deadline = to_steady(until);
  return settled;
}

Result<Reply> Sessions::call_on_lease(LeaseState& lease, std::string_view session,
                                      std::string_view command, JsonText arguments,
                                      const CallOptions& given) {
  return call_on(&lease, session, command, arguments, given);
}

Result<Reply> Sessions::call_on(LeaseState* lease, std::string_view session,
                                std::string_view command, JsonText arguments,
                                const CallOptions& given) {
  if (engine_->is_forked_copy()) return tl::unexpected(made_by_another_process());
  if (!given.session.empty() && given.session != session) {
    return tl::unexpected(annotate(another_session(session, given.session), given));
  }
  const Instant at = now();
  const Instant deadline = until(given.deadline, at);
  const SessionCommand* known = find_session_command(command);
  if (known == nullptr && lease == nullptr && is_object_without_session(arguments.text)) {
    return call_plain(session, command, arguments, given, at, deadline);
  }
  return call_in_steps(
      {session, command, arguments, given, deadline, known, read_arguments(arguments.text, known)},
      lease);
}

// Most calls: of a command that means nothing to the host, and with arguments that name no session.
// The store only counts them. All of it is here, in one place, since each line of it is cold: what
// the worker does pushes it out of the processor's caches.
Result<Reply> Sessions::call_plain(std::string_view session, std::string_view command,
                                   JsonText arguments, const CallOptions& options, Instant at,
                                   Instant deadline) {
  if (auto made = store_->ensure(session, deadline); !made) {
    return tl::unexpected(annotate(std::move(made.error()), options));
  } else if (*made) {
    sweep_now_and_then(deadline);
  }
  Prior prior{.known = Arguments::an_object,
              .adds_session = true,
              .session = session,
              .deadline = deadline};
  // Memory takes no time that is worth another look at the clock.
  if (store_in_memory_) prior.submitted_at = at;
  auto reply = engine_->call(command, arguments, options, prior);
  if (reply) {
    // The caller has its answer: a count that is lost does not take it away.
    (void)store_->complete(session, {}, deadline);
  } else if (reply.error().attempts == 0) {
    reply.error() = annotate(std::move(reply.error()), options);
  }
  return reply;
}

Result<Reply> Sessions::call_in_steps(const Call& call, LeaseState* lease) {
  // The pool says what is wrong with them.
  if (!call.read.is_object) {
    return send(call, lease, call.arguments).map_error([&](const Error& error) {
      return annotate(error, call.options);
    });
  }
  auto prepared = prepare(call);
  if (!prepared) return tl::unexpected(std::move(prepared.error()));
  if (prepared->answer) return std::move(*prepared->answer);
  const JsonText text = prepared->sent(call);
  auto reply = send(call, lease, text, prepared->known);
  if (!reply && call.creates() && says_exists(reply.error())) {
    reply = lease != nullptr ? create_again_on(*lease, call, text) : create_again(call, text);
  }
  auto done = conclude(call, prepared->change, std::move(reply));
  if (!done && done.error().attempts == 0) {
    return tl::unexpected(annotate(std::move(done.error()), call.options));
  }
  return done;
}

Result<Reply> Sessions::send(const Call& call, LeaseState* lease, JsonText arguments,
                             Arguments known) {
  if (lease != nullptr) {
    return engine_->call_on_lease(*lease, call.command, arguments, call.options, call.prior(known));
  }
  if (reaches_all_workers(call.command)) {
    return engine_->configure(call.command, call.arguments, call.settled_options());
  }
  return engine_->call(call.command, arguments, call.options, call.prior(known));
}

// Some worker has a program of that name from before (it was deleted here, or its session was):
// one is held for as long as it takes.
Result<Reply> Sessions::create_again(const Call& call, JsonText arguments) {
  auto lease = engine_->checkout(call.settled_options(), {});
  if (!lease) return tl::unexpected(std::move(lease.error()));
  const Held held{*engine_, **lease};
  auto reply = send(call, lease->get(), arguments);
  if (reply || !says_exists(reply.error())) return reply;
  return create_again_on(**lease, call, arguments);
}

// This worker has it, and is told to forget it.
Result<Reply> Sessions::create_again_on(LeaseState& lease, const Call& call, JsonText arguments) {
  const FollowUpRequest forget = forget_request(call.read.program);
  Prior prior = call.prior(Arguments::unchecked);
  prior.adds_session = forget.adds_session;
  auto forgotten = engine_->call_on_lease(lease, forget.command, JsonText{forget.arguments},
                                          call.options, prior);
  if (!forgotten) return forgotten;
  return send(call, &lease, arguments);
}

Result<std::unique_ptr<LeaseState>> Sessions::checkout(std::string_view session,
                                                       const CallOptions& given, Place place) {
  if (!given.session.empty() && given.session != session) {
    return tl::unexpected(annotate(another_session(session, given.session), given));
  }
  if (session.empty()) {
    return tl::unexpected(
        annotate(make_error(ErrorCode::invalid_session, "the session's name is empty"), given));
  }
  CallOptions options = given;
  options.session = session;
  auto lease = engine_->checkout(options, place);
  if (lease) (*lease)->session = session;
  return lease;
}

}  // namespace ordeal::pool::runtime

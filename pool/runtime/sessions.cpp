#include "pool/runtime/sessions.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "pool/runtime/clock.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/lease_state.hpp"
#include "pool/store/memory_store.hpp"
#include "pool/store/sqlite_store.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::runtime {
namespace {

using Kind = store::ProgramChange::Kind;
using store::Milliseconds;

constexpr std::string_view sqlite_prefix = "sqlite:";
// Often enough that what has expired does not pile up, seldom enough to cost nothing.
constexpr std::chrono::seconds sweep_interval{60};

// The wall clock as it was at the start, moved on by the steady one: comparable between hosts and
// over restarts, and no step of the wall clock ends a session.
store::Clock anchored_clock() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const Instant steady = now();
  return [wall, steady] { return std::chrono::floor<Milliseconds>(wall + (now() - steady)); };
}

Reply host_reply(std::string text) {
  return {.result_text = std::move(text),
          .worker = 0,
          .attempts = 0,
          .queued = {},
          .service = {},
          .affinity = AffinityOutcome::none};
}

// A worker held for some calls, given back in the end.
class Held {
 public:
  Held(Engine& engine, std::unique_ptr<LeaseState> lease)
      : engine_(engine), lease_(std::move(lease)) {}
  ~Held() { engine_.release_lease(*lease_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  Result<Reply> call(std::string_view command, JsonText arguments, const CallOptions& options) {
    return engine_.call_on_lease(*lease_, command, arguments, options);
  }

 private:
  Engine& engine_;
  std::unique_ptr<LeaseState> lease_;
};

}  // namespace

struct Sessions::Call {
  std::string_view session;
  std::string_view command;
  JsonText arguments;
  const CallOptions& options;
  const SessionCommand* known;
  SessionArguments read;
};

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
      swept_at_ns_(now().time_since_epoch().count()) {}

Result<store::SessionStore*> Sessions::store() const {
  if (engine_->is_forked_copy()) {
    return tl::unexpected(
        make_error(ErrorCode::used_after_fork,
                   "the pool was made by another process, and this one is its fork"));
  }
  return store_.get();
}

Result<void> Sessions::ensure(std::string_view session) {
  const auto made = store_->ensure(session);
  if (!made) return tl::unexpected(made.error());
  if (!*made) return {};
  const std::int64_t at = now().time_since_epoch().count();
  std::int64_t before = swept_at_ns_.load();
  const std::int64_t interval = std::chrono::nanoseconds{sweep_interval}.count();
  if (at - before >= interval && swept_at_ns_.compare_exchange_strong(before, at)) {
    (void)store_->sweep();  // what is left is swept the next time
  }
  return {};
}

Result<Reply> Sessions::call(std::string_view session, std::string_view command, JsonText arguments,
                             const CallOptions& given) {
  if (auto usable = store(); !usable) return tl::unexpected(std::move(usable.error()));
  CallOptions options = given;
  options.session = session;
  // The retry of a create must not begin the deadline anew.
  options.deadline = options.deadline.resolve(to_steady(now()), engine_->options().call_timeout);
  const SessionCommand* known = find_session_command(command);
  Call call{session, command, arguments, options, known, read_arguments(arguments.text, known)};
  // The pool says what is wrong with them.
  if (!call.read.is_object) return engine_->call(command, arguments, options);
  const bool names_another = call.read.has_session && call.read.session != session;
  if (names_another || (!given.session.empty() && given.session != session)) {
    const std::string_view named = names_another ? call.read.session : given.session;
    return tl::unexpected(annotate(
        make_error(ErrorCode::invalid_session, "a call in session \"" + wire::excerpt(session) +
                                                   "\" names the session \"" +
                                                   wire::excerpt(named) + "\""),
        options));
  }
  // Without a program's name there is nothing for the host to do: a worker says so.
  const bool has_meaning =
      known != nullptr && (known->meaning == SessionMeaning::list || call.read.has_program);
  Result<Reply> reply = [&] {
    if (!has_meaning) return plain(call);
    if (known->meaning == SessionMeaning::create) return create(call);
    if (known->meaning == SessionMeaning::execute) return execute(call);
    return answer(call);
  }();
  if (!reply && reply.error().attempts == 0)
    return reply.map_error([&](const Error& error) { return annotate(error, options); });
  return reply;
}

Result<std::optional<store::Program>> Sessions::program_of(const Call& call) {
  auto program = store_->program(call.session, call.read.program);
  if (program || program.error().code != ErrorCode::session_not_found) return program;
  if (auto made = ensure(call.session); !made) return tl::unexpected(std::move(made.error()));
  return std::nullopt;
}

Result<Reply> Sessions::run(const Call& call, std::string_view record, Kind kind) {
  const std::string arguments =
      with_session(call.arguments.text, call.read, call.session, call.known, record);
  auto reply = engine_->call(call.command, JsonText{arguments}, call.options);
  // The worker has done it, and the caller has its answer: a count that is lost does not take it
  // away.
  if (reply) (void)store_->complete(call.session, {.kind = kind, .program = call.read.program});
  return reply;
}

Result<Reply> Sessions::plain(const Call& call) {
  if (auto made = ensure(call.session); !made) return tl::unexpected(std::move(made.error()));
  return run(call, {}, Kind::none);
}

Result<Reply> Sessions::execute(const Call& call) {
  if (call.read.has_data) return plain(call);
  const auto program = program_of(call);
  if (!program) return tl::unexpected(program.error());
  // Some worker may still have a program of that name; but it is not this session's any more.
  if (!*program) return tl::unexpected(program_not_found(call.read.program));
  return run(call, (*program)->record, Kind::executed);
}

Result<Reply> Sessions::create(const Call& call) {
  const auto program = program_of(call);
  if (!program) return tl::unexpected(program.error());
  if (*program) return tl::unexpected(program_exists(call.read.program));
  const std::string arguments =
      with_session(call.arguments.text, call.read, call.session, call.known, {});
  auto reply = engine_->call(call.command, JsonText{arguments}, call.options);
  if (!reply && says_exists(reply.error())) reply = create_again(call, JsonText{arguments});
  if (!reply) return reply;
  const std::string record =
      make_record(call.read.program, call.arguments.text, reply->result_text);
  const auto done = store_->complete(
      call.session, {.kind = Kind::put, .program = call.read.program, .record = record});
  if (!done) return tl::unexpected(done.error());
  // Two made it at once: the first whose record was stored has it.
  if (!done->applied) return tl::unexpected(program_exists(call.read.program));
  return reply;
}

// A worker has a program of that name from before (it was deleted here, or its session was): it is
// told to forget it.
Result<Reply> Sessions::create_again(const Call& call, JsonText arguments) {
  auto lease = engine_->checkout(call.options, {});
  if (!lease) return tl::unexpected(std::move(lease.error()));
  Held worker{*engine_, std::move(*lease)};
  auto reply = worker.call(call.command, arguments, call.options);
  if (reply || !says_exists(reply.error())) return reply;
  const SessionCommand& forget = session_command_for(SessionMeaning::remove);
  const nlohmann::json what{{forget.id_member, call.read.program}, {"session_id", call.session}};
  auto forgotten = worker.call(forget.command, JsonText{what.dump()}, call.options);
  if (!forgotten) return forgotten;
  return worker.call(call.command, arguments, call.options);
}

Result<Reply> Sessions::answer(const Call& call) {
  if (auto made = ensure(call.session); !made) return tl::unexpected(std::move(made.error()));
  std::string text;
  store::ProgramChange change{.kind = Kind::none, .program = call.read.program};
  if (call.known->meaning == SessionMeaning::list) {
    const auto programs = store_->programs(call.session);
    if (!programs) return tl::unexpected(programs.error());
    text = programs_answer(*programs);
  } else if (call.known->meaning == SessionMeaning::describe) {
    const auto program = store_->program(call.session, call.read.program);
    if (!program) return tl::unexpected(program.error());
    if (!*program) return tl::unexpected(program_not_found(call.read.program));
    text = program_answer(**program);
  } else {
    change.kind = Kind::remove;
    text = removed_answer(call.read.program);
  }
  const auto done = store_->complete(call.session, change);
  if (!done) return tl::unexpected(done.error());
  if (!done->applied) return tl::unexpected(program_not_found(call.read.program));
  return host_reply(std::move(text));
}

}  // namespace ordeal::pool::runtime

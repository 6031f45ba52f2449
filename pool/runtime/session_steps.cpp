// What the host does for a call in a session before and after a worker is asked.
#include <utility>

#include "pool/runtime/clock.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/sessions.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::runtime {
namespace {

using Kind = store::ProgramChange::Kind;
// Often enough that what has expired does not pile up, seldom enough to cost nothing.
constexpr std::chrono::seconds sweep_interval{60};

Reply host_reply(std::string text) {
  return {.result_text = std::move(text),
          .worker = 0,
          .attempts = 0,
          .queued = {},
          .service = {},
          .affinity = AffinityOutcome::none};
}

}  // namespace

Result<void> Sessions::ensure(std::string_view session, Instant until) {
  const auto made = store_->ensure(session, until);
  if (!made) return tl::unexpected(made.error());
  if (*made) sweep_now_and_then(until);
  return {};
}

void Sessions::sweep_now_and_then(Instant until) {
  const std::int64_t at = now().time_since_epoch().count();
  std::int64_t before = swept_at_ns_.load();
  const std::int64_t interval = std::chrono::nanoseconds{sweep_interval}.count();
  if (at - before >= interval && swept_at_ns_.compare_exchange_strong(before, at)) {
    (void)store_->sweep(until);  // what is left is swept the next time
  }
}

// A call belongs to one session, however often it is said which.
Result<void> Sessions::check(const Call& call) const {
  if (!call.read.has_session || call.read.session == call.session) return {};
  return tl::unexpected(another_session(call.session, call.read.session));
}

Result<std::optional<store::Program>> Sessions::program_of(const Call& call) {
  auto program = store_->program(call.session, call.read.program, call.until);
  if (program || program.error().code != ErrorCode::session_not_found) return program;
  if (auto made = ensure(call.session, call.until); !made) {
    return tl::unexpected(std::move(made.error()));
  }
  return std::nullopt;
}

// Of a command without a meaning of its own.
Result<void> Sessions::prepare_plain(const Call& call) {
  if (call.read.has_session) {
    if (auto fine = check(call); !fine) return fine;
  }
  return ensure(call.session, call.until);
}

Result<Sessions::Prepared> Sessions::prepare(const Call& call) {
  auto prepared = [&]() -> Result<Prepared> {
    if (!call.has_meaning()) {
      return prepare_plain(call).map([] { return Prepared{.known = Arguments::an_object}; });
    }
    if (auto fine = check(call); !fine) return tl::unexpected(std::move(fine.error()));
    return prepare_known(call);
  }();
  if (!prepared) return tl::unexpected(annotate(std::move(prepared.error()), call.options));
  return prepared;
}

Result<Sessions::Prepared> Sessions::prepare_known(const Call& call) {
  const auto as_given = [](Kind change) {
    return Prepared{.known = Arguments::an_object, .change = change};
  };
  switch (call.known->meaning) {
    case SessionMeaning::create: {
      const auto program = program_of(call);
      if (!program) return tl::unexpected(program.error());
      if (*program) return tl::unexpected(program_exists(call.read.program));
      return as_given(Kind::put);
    }
    case SessionMeaning::execute: {
      if (call.read.has_data) {
        if (auto made = ensure(call.session, call.until); !made) {
          return tl::unexpected(std::move(made.error()));
        }
        return as_given(Kind::none);
      }
      const auto program = program_of(call);
      if (!program) return tl::unexpected(program.error());
      // Some worker may still have a program of that name; but it is not this session's any more.
      if (!*program) return tl::unexpected(program_not_found(call.read.program));
      // A record comes from a store, which may be a file that others write, too: it is unchecked.
      const std::string_view record = (*program)->record;
      return Prepared{
          .arguments = with_record(call.arguments.text, call.known->data_member, record),
          .change = Kind::executed};
    }
    case SessionMeaning::configure:  // has no program, so nothing to do here
      return as_given(Kind::none);
    case SessionMeaning::list:
    case SessionMeaning::describe:
    case SessionMeaning::remove:
      break;
  }
  auto answered = answer(call);
  if (!answered) return tl::unexpected(std::move(answered.error()));
  return Prepared{.answer = std::move(*answered)};
}

Result<Reply> Sessions::answer(const Call& call) {
  if (auto made = ensure(call.session, call.until); !made) {
    return tl::unexpected(std::move(made.error()));
  }
  std::string text;
  store::ProgramChange change{.kind = Kind::none, .program = call.read.program};
  if (call.known->meaning == SessionMeaning::list) {
    const auto programs = store_->programs(call.session, call.until);
    if (!programs) return tl::unexpected(programs.error());
    text = programs_answer(*programs);
  } else if (call.known->meaning == SessionMeaning::describe) {
    const auto program = store_->program(call.session, call.read.program, call.until);
    if (!program) return tl::unexpected(program.error());
    if (!*program) return tl::unexpected(program_not_found(call.read.program));
    text = program_answer(**program);
  } else {
    change.kind = Kind::remove;
    text = removed_answer(call.read.program);
  }
  const auto done = store_->complete(call.session, change, call.until);
  if (!done) return tl::unexpected(done.error());
  if (!done->applied) return tl::unexpected(program_not_found(call.read.program));
  return host_reply(std::move(text));
}

// The worker has done it, and the caller has its answer: a count that is lost does not take it
// away.
void Sessions::count(const Call& call, Kind change) {
  (void)store_->complete(call.session, {.kind = change, .program = call.read.program}, call.until);
}

Result<Reply> Sessions::conclude(const Call& call, Kind change, Result<Reply> reply) {
  if (!reply) return reply;
  if (change != Kind::put) {
    count(call, change);
    return reply;
  }
  const std::string record =
      make_record(call.read.program, call.arguments.text, reply->result_text);
  const auto done = store_->complete(
      call.session, {.kind = Kind::put, .program = call.read.program, .record = record},
      call.until);
  if (!done) return tl::unexpected(annotate(done.error(), call.options));
  // Two made it at once: the first whose record was stored has it.
  if (!done->applied) {
    return tl::unexpected(annotate(program_exists(call.read.program), call.options));
  }
  return reply;
}

}  // namespace ordeal::pool::runtime

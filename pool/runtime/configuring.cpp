// Settings for all workers: a call that one worker has answered with a success is answered by all
// others before they serve, those to come included. Living ones are replaced for it, as by roll():
// no request fails, and settings that a new worker does not take are taken back.
//
// Invariant: what the call says is in memory alone (WorkerProgram::start_calls).
#include <nlohmann/json.hpp>

#include "pool/runtime/clock.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/errors.hpp"

namespace ordeal::pool::runtime {
namespace {

// Some bridges tell a failure as a success that holds nothing but an error.
bool is_failure_in_disguise(const Reply& reply) {
  const auto result = nlohmann::json::parse(reply.result_text, nullptr, false);
  return result.is_object() && result.size() == 1 && result.contains("error");
}

}  // namespace

// The program as it is now, with this call in place of an earlier one of the same command.
WorkerProgram Engine::settled(const StartCall& call) const {
  WorkerProgram program;
  {
    const std::lock_guard lock{mutex_};
    program.environment = programs_.at(core_.operations().generation).environment;
    program.start_calls = programs_.at(core_.operations().generation).start_calls;
  }
  if (!program.start_calls) program.start_calls.emplace();
  std::erase_if(*program.start_calls,
                [&](const StartCall& earlier) { return earlier.command == call.command; });
  program.start_calls->push_back(call);
  return program;
}

Result<Reply> Engine::configure(std::string_view command, JsonText arguments,
                                const CallOptions& given) {
  CallOptions options = given;
  options.deadline = options.deadline.resolve(to_steady(now()), options_.call_timeout);
  if (auto refused = refuse(options, true)) return tl::unexpected(std::move(*refused));
  const std::lock_guard one_at_a_time{configuring_};
  auto reply = call(command, arguments, options);
  if (!reply || is_failure_in_disguise(*reply)) return reply;
  const StartCall settings{std::string{command}, std::string{arguments.text}};
  const auto begun = begin_roll(settled(settings), RollOf::settings);
  if (!begun) return tl::unexpected(annotate(begun.error(), options));
  if (auto rolled = await_roll(*begun, options.deadline); !rolled) {
    return tl::unexpected(annotate(std::move(rolled.error()), options));
  }
  return reply;
}

// The callback comes when the replacing has begun: what is submitted before the living workers are
// replaced may still be served by one that was not told.
Result<core::TicketId> Engine::configure_async(std::string_view command, JsonText arguments,
                                               const CallOptions& options,
                                               Pool::Callback callback) {
  const StartCall settings{std::string{command}, std::string{arguments.text}};
  // On the callback thread, which ends before the engine does.
  auto then = [this, settings, callback = std::move(callback)](Result<Reply> reply) {
    if (!reply || is_failure_in_disguise(*reply)) return callback(std::move(reply));
    if (const auto begun = begin_roll(settled(settings), RollOf::settings); !begun) {
      return callback(tl::unexpected(begun.error()));
    }
    callback(std::move(reply));
  };
  return call_async(command, arguments, options, std::move(then));
}

}  // namespace ordeal::pool::runtime

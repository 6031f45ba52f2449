// The texts of sessions: what a call's arguments say, what is added to them, a program's record,
// and the answers that the host gives itself. Pure.
//
// Nothing that the caller or a worker wrote is written anew: members are added by splicing text.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ordeal/pool/session.hpp"
#include "pool/runtime/exchange_outcome.hpp"
#include "pool/store/session_store.hpp"

namespace ordeal::pool::runtime {

// The row of session_commands() for a command; null if it has no meaning of its own.
[[nodiscard]] const SessionCommand* find_session_command(std::string_view command);
// Whether it is the one of SessionMeaning::configure.
[[nodiscard]] bool reaches_all_workers(std::string_view command);
[[nodiscard]] const SessionCommand& session_command_for(SessionMeaning meaning);

struct SessionArguments {
  bool is_object = false;  // else nothing below is known
  bool has_session = false;
  std::string session;       // if it is text
  std::string program;       // of `known`'s id_member, if it is text
  bool has_program = false;  // `program` is there, and not empty
  bool has_data = false;     // `known`'s data_member is there, and not null
};
[[nodiscard]] SessionArguments read_arguments(std::string_view text, const SessionCommand* known);

// The same for a command without a meaning, in short: else read_arguments() says more.
[[nodiscard]] bool is_object_without_session(std::string_view text);

// `arguments`, which are an object with members, and the record as one more behind them.
[[nodiscard]] std::string with_record(std::string_view arguments, std::string_view data_member,
                                      std::string_view record);

// {"id": ..., all of the result's members, and of the arguments those that say how to build it}.
// No other argument gets into a store.
[[nodiscard]] std::string make_record(std::string_view program, std::string_view arguments,
                                      std::string_view result);

// The host's answers, in a bridge's words.
[[nodiscard]] std::string programs_answer(const std::vector<store::Program>& programs);
[[nodiscard]] std::string program_answer(const store::Program& program);
[[nodiscard]] std::string removed_answer(std::string_view program);
[[nodiscard]] Error program_not_found(std::string_view program);
[[nodiscard]] Error program_exists(std::string_view program);
// A call in the session `session` that names the session `named`.
[[nodiscard]] Error another_session(std::string_view session, std::string_view named);
// Whether a worker's error says that it has a program of that name.
[[nodiscard]] bool says_exists(const ApplicationError& error);
[[nodiscard]] bool says_exists(const Error& error);
[[nodiscard]] bool says_exists(const ExchangeOutcome& outcome);
// What tells a worker to forget the session's program of that name.
[[nodiscard]] FollowUpRequest forget_request(std::string_view program);

}  // namespace ordeal::pool::runtime

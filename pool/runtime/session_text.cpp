#include "pool/runtime/session_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pool/core/assert.hpp"
#include "pool/wire/json_scan.hpp"
#include "pool/wire/plain_json.hpp"

namespace ordeal::pool {
namespace {

using M = SessionMeaning;

// To give another bridge's commands a meaning: a row each.
constexpr std::array<SessionCommand, 6> commands{{
    {"create_program", M::create, "id", ""},
    {"execute_program", M::execute, "program_id", "program_data"},
    {"list_programs", M::list, "", ""},
    {"get_program_info", M::describe, "program_id", ""},
    {"delete_program", M::remove, "program_id", ""},
    {"configure_lm", M::configure, "", ""},
}};

}  // namespace

std::span<const SessionCommand> session_commands() { return commands; }

namespace runtime {
namespace {

constexpr std::string_view session_member = "session_id";
// What of create_program's arguments says how to build the program. Nothing else is kept.
constexpr std::array<std::string_view, 5> record_members{
    "signature", "program_type", "use_dynamic_signature", "tools", "max_iters"};
constexpr std::string_view exists_type = "ProgramExists";
constexpr std::string_view not_found_type = "ProgramNotFound";

std::string text_of(std::string_view token) {
  if (token.size() < 2 || token.front() != '"') return {};
  return wire::unescaped(token.substr(1, token.size() - 2));
}

// The value's text; empty if there is none.
std::string_view member_of(std::string_view object, std::string_view name) {
  std::string_view found;
  const auto flaw = wire::scan_members(object, wire::Constants::refused,
                                       [&](std::string_view key, std::string_view value) {
                                         if (key == name) found = value;
                                       });
  return flaw ? std::string_view{} : found;
}

// As bridges write times: seconds since the epoch.
std::string seconds(store::Milliseconds at) {
  return fmt::format("{}.{:03}", at.count() / 1000, at.count() % 1000);
}

void append_program(std::string& out, std::string_view id_name, const store::Program& program) {
  out += fmt::format("{{\"{}\":", id_name);
  wire::append_quoted(out, program.id);
  const std::string_view signature = member_of(program.record, "signature");
  out += fmt::format(
      ",\"created_at\":{},\"execution_count\":{},\"last_executed\":{},\"signature\":{}}}",
      seconds(program.created_at), program.executions,
      program.executions == 0 ? "null" : seconds(program.executed_at),
      signature.empty() ? "null" : signature);
}

Error application(std::string_view type, std::string message) {
  Error error = make_error(ErrorCode::application_error, message);
  error.application = std::make_shared<const ApplicationError>(
      ApplicationError{std::string{type}, std::move(message), {}, false});
  return error;
}

}  // namespace

const SessionCommand* find_session_command(std::string_view command) {
  constexpr std::size_t shortest =
      std::ranges::min(commands, {}, [](const auto& c) { return c.command.size(); }).command.size();
  if (command.size() < shortest) return nullptr;  // most are
  const auto found = std::ranges::find(commands, command, &SessionCommand::command);
  return found == commands.end() ? nullptr : &*found;
}

bool reaches_all_workers(std::string_view command) {
  return command == commands.back().command;  // for each call there is: cheaper than a search
}

const SessionCommand& session_command_for(SessionMeaning meaning) {
  const auto found = std::ranges::find(commands, meaning, &SessionCommand::meaning);
  ORDEAL_ASSERT(found != commands.end(), "every meaning has a command");
  return *found;
}

SessionArguments read_arguments(std::string_view text, const SessionCommand* known) {
  SessionArguments read;
  const auto take = [&](std::string_view key, std::string_view value) {
    if (key == session_member) {
      read.has_session = true;
      read.session = text_of(value);
    } else if (known != nullptr && key == known->id_member) {
      read.program = text_of(value);
      read.has_program = !read.program.empty();
    } else if (known != nullptr && key == known->data_member) {
      read.has_data = value != "null";
    }
  };
  const bool is_object = wire::scan_object(
      text, [&] { read = {}; }, take);
  read.is_object = is_object;
  return read;
}

bool is_object_without_session(std::string_view text) {
  bool has_session = false;
  const auto take = [&](std::string_view key, std::string_view) {
    if (key == session_member) has_session = true;
  };
  const bool is_object = wire::scan_object(
      text, [&] { has_session = false; }, take);
  return is_object && !has_session;
}

std::string with_record(std::string_view arguments, std::string_view data_member,
                        std::string_view record) {
  const std::size_t end = arguments.rfind('}');
  ORDEAL_ASSERT(end != std::string_view::npos, "the arguments were read as an object");
  // At the end: of two members of one name the last counts, should the caller's be null.
  return fmt::format("{},\"{}\":{}{}", arguments.substr(0, end), data_member, record,
                     arguments.substr(end));
}

std::string make_record(std::string_view program, std::string_view arguments,
                        std::string_view result) {
  std::string out = "{\"id\":";
  wire::append_quoted(out, program);
  std::array<bool, record_members.size()> given{};
  const auto add = [&](std::string_view key, std::string_view value) {
    out += ',';
    wire::append_quoted(out, key);
    out += ':';
    out += value;
  };
  const std::size_t begun = out.size();
  const auto flaw = wire::scan_members(
      result, wire::Constants::refused, [&](std::string_view key, std::string_view value) {
        if (key == "id" || key == session_member) return;
        const auto at = std::ranges::find(record_members, key);
        if (at != record_members.end())
          given[static_cast<std::size_t>(at - record_members.begin())] = true;
        add(key, value);
      });
  if (flaw) {  // NaN, say, which a request cannot carry: what the caller gave must do
    out.resize(begun);
    given = {};
  }
  for (std::size_t i = 0; i < record_members.size(); ++i) {
    if (given[i]) continue;
    const std::string_view value = member_of(arguments, record_members[i]);
    if (!value.empty()) add(record_members[i], value);
  }
  return out + "}";
}

std::string programs_answer(const std::vector<store::Program>& programs) {
  std::string out = "{\"programs\":[";
  for (const store::Program& program : programs) {
    if (&program != &programs.front()) out += ',';
    append_program(out, "id", program);
  }
  return out + fmt::format("],\"total_count\":{}}}", programs.size());
}

std::string program_answer(const store::Program& program) {
  std::string out;
  append_program(out, "program_id", program);
  return out;
}

std::string removed_answer(std::string_view program) {
  std::string out = "{\"program_id\":";
  wire::append_quoted(out, program);
  return out + ",\"status\":\"deleted\"}";
}

Error program_not_found(std::string_view program) {
  return application(not_found_type, fmt::format("Program not found: {}", program));
}

Error program_exists(std::string_view program) {
  return application(exists_type, fmt::format("Program with ID '{}' already exists", program));
}

Error another_session(std::string_view session, std::string_view named) {
  return make_error(ErrorCode::invalid_session,
                    fmt::format("a call in session \"{}\" names the session \"{}\"",
                                wire::excerpt(session), wire::excerpt(named)));
}

FollowUpRequest forget_request(std::string_view program) {
  const SessionCommand& forget = session_command_for(SessionMeaning::remove);
  std::string arguments = "{";
  wire::append_quoted(arguments, forget.id_member);
  arguments += ':';
  wire::append_quoted(arguments, program);
  return {
      .command = std::string{forget.command}, .arguments = arguments + "}", .adds_session = true};
}

bool says_exists(const Error& error) {
  return error.code == ErrorCode::application_error && error.application &&
         says_exists(*error.application);
}

bool says_exists(const ExchangeOutcome& outcome) {
  return outcome.verdict == core::ExchangeVerdict::application_error && outcome.application &&
         says_exists(*outcome.application);
}

bool says_exists(const ApplicationError& error) {
  if (error.type == exists_type) return true;
  // A plain bridge has only words.
  const std::string& message = error.message;
  return error.type.empty() && message.find("Program with ID") != std::string::npos &&
         message.find("already exists") != std::string::npos;
}

}  // namespace runtime
}  // namespace ordeal::pool

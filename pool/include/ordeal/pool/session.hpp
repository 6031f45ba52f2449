// Sessions: calls that belong together, whichever worker serves them.
//
//     Session session = pool.session("user-7");
//     session.call("create_program", {{"id", "p"}, {"signature", ...}});
//     session.call("execute_program", {{"program_id", "p"}, {"inputs", ...}});   // any worker
//     session.update([](nlohmann::json& data) { data["asked"] = 1; });
//
// What a session holds lives in the host (options.session_store), never in a worker alone: its
// data, its programs, its count of completed operations. So it survives the workers' deaths, and in
// a durable store the host's. When a call or update has returned, what it changed is stored.
//
// Which commands mean what is a table, session_commands(): in a session `create_program` leaves a
// record of the program, `execute_program` gets that record as `program_data`, and list_programs,
// get_program_info and delete_program are answered by the host from its records. All other commands
// go to a worker, with `session_id` added to their arguments as DSPex does; those of a worker that
// takes the session from the context (capability `session`, pool/wire/README.md) stay as they are.
//
// A session is made by its first call or update, and ends by remove() or when it was not used for
// options.session_ttl. The next use of an expired session is told `session_expired`, once.
//
// Thread safety: a handle is a value, and all members may be called from any thread at any time.
// In a callback of the pool: call and checkout are `would_deadlock`, all others are legal.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "ordeal/pool/call.hpp"
#include "ordeal/pool/error.hpp"
#include "ordeal/pool/place.hpp"

namespace ordeal::pool {

namespace runtime {
class Sessions;
}
class Lease;  // pool.hpp, as the next
class Ticket;

// Times are milliseconds since the Unix epoch.
struct SessionInfo {
  std::string id;
  std::chrono::milliseconds created_at{};
  std::chrono::milliseconds used_at{};
  std::uint64_t operations = 0;  // calls of this session that ended with a success
  std::uint64_t programs = 0;
};

// A change of a session's data, in place. Runs under the store's lock, so keep it short; a use of
// the same store in it is `would_deadlock`. If it throws, nothing has changed.
using SessionChange = std::function<void(nlohmann::json&)>;

// What a command means in a session, and which members of its arguments say so.
enum class SessionMeaning : std::uint8_t {
  create,   // a worker makes the program; the host keeps its record
  execute,  // a worker runs it, given the record
  list,     // answered by the host, as the next two
  describe,
  remove,
  configure,  // reaches all workers, also without a session (Pool::call)
};
struct SessionCommand {
  std::string_view command;
  SessionMeaning meaning;
  std::string_view id_member;    // holds the program's name; empty for list
  std::string_view data_member;  // execute: gets the record
};
// DSPex's names.
[[nodiscard]] std::span<const SessionCommand> session_commands();

class Session {
 public:
  // As Pool::call. Moreover: session_expired, invalid_session (also if the arguments name another
  // session), store_unavailable, store_timeout, store_full. A program that is not there, or is
  // there already, is `application_error` in a bridge's words (types ProgramNotFound,
  // ProgramExists), with worker 0 if it was the host that said so. If the reply is there and only
  // the counting of the operation failed, the reply is returned; if the record of a program was not
  // stored, the error is.
  Result<Reply> call(std::string_view command, JsonText arguments, const CallOptions& options = {});
  Result<Reply> call(std::string_view command, const nlohmann::json& arguments,
                     const CallOptions& options = {});

  // As Pool::call_async: returns at once, whatever the store does, and the callback gets exactly
  // what call() would have returned, once the store has it.
  Result<Ticket> call_async(std::string_view command, JsonText arguments,
                            const CallOptions& options,
                            std::function<void(Result<Reply>)> callback);
  // As Pool::checkout: a worker for calls of this session. Its affinity decides which; what an
  // earlier call left in a worker is reached for sure with options.state_in_worker.
  Result<Lease> checkout(const CallOptions& options = {}, Place place = Place::here());

  // The rest asks the store alone, and waits for it until the deadline at most (by default
  // options.call_timeout from now): `store_timeout`, and nothing has changed. What a call does with
  // the store is bounded by the call's own deadline in the same way.

  // `session_not_found` if nothing has made the session yet.
  [[nodiscard]] Result<nlohmann::json> data(const Deadline& deadline = {}) const;
  // Atomic; returns the new data. What `change` threw is `invalid_session`. The deadline does not
  // interrupt `change`.
  Result<nlohmann::json> update(const SessionChange& change, const Deadline& deadline = {});
  // Not a use: does not keep the session alive.
  [[nodiscard]] Result<SessionInfo> info(const Deadline& deadline = {}) const;
  // With data, programs and count. Also happy if there was nothing.
  Result<void> remove(const Deadline& deadline = {});

  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  friend class Pool;
  Session(std::weak_ptr<runtime::Sessions> sessions, std::string id)
      : sessions_(std::move(sessions)), id_(std::move(id)) {}
  std::weak_ptr<runtime::Sessions> sessions_;
  std::string id_;
};

}  // namespace ordeal::pool

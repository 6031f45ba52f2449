// Where sessions live: their data, their programs, their count of completed operations.
//
// Invariants, for every store (tests/store_test.cpp runs on each):
//   (1) A session that was not used for `ttl` (age >= ttl, by the injected clock) is expired on
//       every path. The first access by name removes it and says `session_expired`; from then on
//       it is `session_not_found`. list() and count() leave it out. sweep() removes it, and returns
//       its name: that is then its one report.
//   (2) create, ensure, get, update, touch, complete, program and programs are uses: they begin its
//       age anew. describe, list, count and sweep are not.
//   (3) Each operation is atomic, and what was returned as done is stored (a durable store:
//       committed). On an error nothing has changed, but for the removal in (1).
//   (4) No operation waits for the store beyond `until`, be it in another thread's or another
//       connection's hands: store_timeout, and nothing has changed. What is free is taken, however
//       late it is.
// Every operation by name may return session_not_found, session_expired, invalid_session (the name
// is empty, too long or not UTF-8), store_unavailable; and would_deadlock if called from within a
// SessionChange of the same store; each store_timeout. Those that add may return store_full.
//
// Thread safety: all members may be called from any thread at any time.
//
// To add a store: derive, keep the invariants, and add it to AllStores in tests/store_test.cpp and
// in tests/store_model_test.cpp; then open it in pool/runtime/session.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/session.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::store {

using core::Instant;
using Milliseconds = std::chrono::milliseconds;
// Milliseconds since the Unix epoch. Called under the store's lock.
using Clock = std::function<Milliseconds()>;

inline constexpr std::size_t session_id_bytes_max = 256;

struct StoreOptions {
  Clock clock;  // REQUIRES: set
  Milliseconds ttl{3'600'000};
  std::size_t sessions_max = 100'000;        // memory store; a database is bounded in bytes
  std::size_t programs_max = 10'000;         // of one session
  std::size_t value_bytes_max = 16U << 20U;  // of a session's data, and of a program's record
};

// `record` is JSON text, kept to the byte.
struct Program {
  std::string id;
  std::string record;
  Milliseconds created_at{};
  std::uint64_t executions = 0;
  Milliseconds executed_at{};  // zero: never
  friend bool operator==(const Program&, const Program&) = default;
};

// What a completed operation changes in its session.
struct ProgramChange {
  enum class Kind : std::uint8_t {
    none,
    put,       // applies if there is no such program
    executed,  // counts it, if the program is (still) there; always applies
    remove,    // applies if there is such a program
  };
  Kind kind = Kind::none;
  std::string_view program{};
  std::string_view record{};
};
struct Completion {
  std::uint64_t operations = 0;
  bool applied = true;  // false: nothing changed, nothing was counted
};

class SessionStore {
 public:
  SessionStore() = default;
  virtual ~SessionStore() = default;
  SessionStore(const SessionStore&) = delete;
  SessionStore& operator=(const SessionStore&) = delete;

  // `session_exists` if there is one; an expired one makes room.
  virtual Result<void> create(std::string_view id, const nlohmann::json& data,
                              Instant until = core::never) = 0;
  // Makes it, with an empty object as data, if it is not there. True: it was made.
  virtual Result<bool> ensure(std::string_view id, Instant until = core::never) = 0;
  virtual Result<nlohmann::json> get(std::string_view id, Instant until = core::never) = 0;
  // Returns the new data. What `change` threw, or data that are no JSON text or too long, are
  // `invalid_session`.
  virtual Result<nlohmann::json> update(std::string_view id, const SessionChange& change,
                                        Instant until = core::never) = 0;
  virtual Result<void> touch(std::string_view id, Instant until = core::never) = 0;
  // False: there was none, or it had expired.
  virtual Result<bool> remove(std::string_view id, Instant until = core::never) = 0;

  virtual Result<SessionInfo> describe(std::string_view id, Instant until = core::never) = 0;
  virtual Result<std::vector<SessionInfo>> list(Instant until = core::never) = 0;  // by name
  virtual Result<std::size_t> count(Instant until = core::never) = 0;
  virtual Result<std::vector<std::string>> sweep(Instant until = core::never) = 0;  // by name

  // Counts one operation, together with what it changed.
  virtual Result<Completion> complete(std::string_view id, const ProgramChange& change,
                                      Instant until = core::never) = 0;
  virtual Result<std::optional<Program>> program(std::string_view id, std::string_view program,
                                                 Instant until = core::never) = 0;
  virtual Result<std::vector<Program>> programs(std::string_view id,
                                                Instant until = core::never) = 0;  // by name
};

}  // namespace ordeal::pool::store

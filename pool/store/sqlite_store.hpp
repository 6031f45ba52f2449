// Sessions in a SQLite file: what was acknowledged is committed, and survives SIGKILL of the host
// and, as far as the disk keeps its word, loss of power (WAL, synchronous = FULL).
//
// Several hosts on one machine may share a file: each operation is one transaction. Who waits for
// another's lock waits busy_max at most, then gets store_unavailable.
#pragma once

#include <memory>
#include <string>

#include "pool/store/common.hpp"
#include "pool/store/session_store.hpp"
#include "pool/store/sqlite_database.hpp"

namespace ordeal::pool::store {

class SqliteStore : public SessionStore {
 public:
  // Errors, each naming the file: store_unavailable (corrupt, read-only, locked, not ours, no such
  // folder), store_version_unsupported, store_full. What is in the file then is as it was.
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(DatabaseOptions file,
                                                                 StoreOptions options);

  Result<void> create(std::string_view id, const nlohmann::json& data, Instant until) override;
  Result<bool> ensure(std::string_view id, Instant until) override;
  Result<nlohmann::json> get(std::string_view id, Instant until) override;
  Result<nlohmann::json> update(std::string_view id, const SessionChange& change,
                                Instant until) override;
  Result<void> touch(std::string_view id, Instant until) override;
  Result<bool> remove(std::string_view id, Instant until) override;
  Result<SessionInfo> describe(std::string_view id, Instant until) override;
  Result<std::vector<SessionInfo>> list(Instant until) override;
  Result<std::size_t> count(Instant until) override;
  Result<std::vector<std::string>> sweep(Instant until) override;
  Result<Completion> complete(std::string_view id, const ProgramChange& change,
                              Instant until) override;
  Result<std::optional<Program>> program(std::string_view id, std::string_view program,
                                         Instant until) override;
  Result<std::vector<Program>> programs(std::string_view id, Instant until) override;

 private:
  SqliteStore(std::unique_ptr<Database> database, StoreOptions options);

  // Runs `body(now)` in one write transaction; commits if it went well, or if all it did was to
  // remove an expired session.
  template <typename Body>
  auto transact(Instant until, Body body);
  // The rest: REQUIRES a transaction. find() and use() are as in MemoryStore.
  [[nodiscard]] Result<void> find(std::string_view id, Milliseconds now);
  [[nodiscard]] Result<void> use(std::string_view id, Milliseconds now);
  [[nodiscard]] Result<void> make(std::string_view id, std::string_view data, Milliseconds now);
  [[nodiscard]] Result<nlohmann::json> data_of(std::string_view id);
  [[nodiscard]] Result<bool> apply_change(std::string_view id, const ProgramChange& change,
                                          Milliseconds now);
  [[nodiscard]] Result<bool> put(std::string_view id, const ProgramChange& change,
                                 Milliseconds now);

  const StoreOptions options_;
  OwnedMutex mutex_;
  std::unique_ptr<Database> database_;  // guarded by mutex_
};

}  // namespace ordeal::pool::store

// One connection to one SQLite file, owned: statements prepared once, errors that name the file.
//
// Not thread-safe: SqliteStore holds its lock around every use. Internal to pool/store.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::store {

struct DatabaseOptions {
  std::string path;
  std::chrono::milliseconds busy_max{2'000};  // how long another connection's lock is awaited
  std::uint64_t bytes_max = 1ULL << 30;       // of the file; beyond: store_full
};

class Database;

// A run of a prepared statement: bind in order, then step. Resets itself when destroyed.
class Query {
 public:
  Query(Database& database, sqlite3_stmt* statement, int status);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  // The text must outlive the query.
  Query& bind(std::string_view text);
  Query& bind(std::int64_t number);
  // True: there is a row. An error of binding is told here.
  [[nodiscard]] Result<bool> step();
  [[nodiscard]] Result<void> run();  // for statements without rows
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_;
  int status_;
  int bound_ = 0;
};

class Database {
 public:
  // Opens the file, or makes it (mode 0600); an existing file loses its group's and others' rights.
  // Refuses what is another program's database before anything of it is changed.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // `sql` must live as long as the database (a literal): its statement is kept.
  [[nodiscard]] Query query(std::string_view sql);
  [[nodiscard]] Result<void> execute(const char* sql);  // for what is used once
  [[nodiscard]] Result<std::int64_t> number(const char* sql);
  // How long the statements to come wait for another connection: busy_max, but never beyond
  // `until`.
  void wait_for_others(core::Instant until);
  [[nodiscard]] int changes() const { return sqlite3_changes(handle_); }
  [[nodiscard]] Error error(int status) const;
  [[nodiscard]] Error in_use() const;  // until the caller's deadline
  [[nodiscard]] Error unavailable(std::string_view why) const;
  [[nodiscard]] const DatabaseOptions& options() const { return options_; }

 private:
  explicit Database(DatabaseOptions options);
  Result<void> connect();
  Result<void> check_owner();
  Result<void> configure();

  const DatabaseOptions options_;
  sqlite3* handle_ = nullptr;
  bool until_deadline_ = false;  // what bounds the wait for others is the caller's deadline
  std::map<std::string_view, sqlite3_stmt*> statements_;
};

// One write transaction: rolled back unless commit() said so.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> commit();

 private:
  Database& database_;
  bool open_ = false;
};

}  // namespace ordeal::pool::store

#include "pool/store/sqlite_schema.hpp"

#include <fmt/format.h>

#include <array>

#include "pool/store/sqlite_database.hpp"

namespace ordeal::pool::store {
namespace {

// steps[n] makes version n + 1 of version n. Times are milliseconds since the Unix epoch.
constexpr std::array<const char*, schema_version> steps{
    R"(CREATE TABLE sessions (
         id TEXT PRIMARY KEY NOT NULL,
         data TEXT NOT NULL,
         created_at INTEGER NOT NULL,
         used_at INTEGER NOT NULL
       ) STRICT;
       CREATE TABLE programs (
         session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
         id TEXT NOT NULL,
         record TEXT NOT NULL,
         created_at INTEGER NOT NULL,
         PRIMARY KEY (session, id)
       ) STRICT;)",
    R"(ALTER TABLE sessions ADD COLUMN operations INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE programs ADD COLUMN executions INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE programs ADD COLUMN executed_at INTEGER NOT NULL DEFAULT 0;
       CREATE INDEX sessions_by_use ON sessions (used_at);)",
};

}  // namespace

Result<std::int64_t> check_version(Database& database) {
  auto version = database.number("PRAGMA user_version");
  if (!version) return version;
  if (*version < 0 || *version > schema_version) {
    return tl::unexpected(
        make_error(ErrorCode::store_version_unsupported,
                   fmt::format("session store \"{}\" has version {}, the newest known here is {}",
                               database.options().path, *version, schema_version)));
  }
  return version;
}

Result<void> migrate(Database& database) {
  // Looked at without a lock first: the usual case writes nothing.
  auto version = check_version(database);
  if (!version) return tl::unexpected(version.error());
  if (*version == schema_version) return {};
  Transaction transaction{database};
  if (auto begun = transaction.begin(); !begun) return begun;
  version = check_version(database);  // another host may have been quicker
  if (!version) return tl::unexpected(version.error());
  for (auto step = static_cast<std::size_t>(*version); step < steps.size(); ++step) {
    if (auto done = database.execute(steps[step]); !done) return done;
  }
  const std::string mark = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                       application_id, schema_version);
  if (auto done = database.execute(mark.c_str()); !done) return done;
  return transaction.commit();
}

}  // namespace ordeal::pool::store

// The tables of a session database, and how older ones become the newest. Internal to pool/store.
//
// To change the schema: append a step to `steps` in sqlite_schema.cpp (never edit one that was
// released), and a database of the version before to tests/sqlite_store_test.cpp.
#pragma once

#include <cstdint>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::store {

class Database;

// "ORDL", in SQLite's header: this file is ours.
inline constexpr std::int64_t application_id = 0x4f52444c;
inline constexpr std::int64_t schema_version = 2;

// The file's version, 0 for a new file; `store_version_unsupported` if it is newer than ours.
[[nodiscard]] Result<std::int64_t> check_version(Database& database);
// Brings the file to schema_version in one transaction: wholly, or not at all.
[[nodiscard]] Result<void> migrate(Database& database);

}  // namespace ordeal::pool::store

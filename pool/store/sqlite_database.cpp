#include "pool/store/sqlite_database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pool/runtime/clock.hpp"
#include "pool/store/sqlite_schema.hpp"

namespace ordeal::pool::store {
namespace {

// Made here rather than by SQLite, so that it is its owner's alone from its first instant. Only if
// it is not there: closing a descriptor of a database would drop this process's locks on it.
int make_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return errno == EEXIST ? 0 : errno;
  ::close(file);
  return 0;
}

int keep_private(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return errno == ENOENT ? 0 : errno;
  const mode_t others = S_IRWXG | S_IRWXO;
  if ((found.st_mode & others) == 0) return 0;
  return ::chmod(path.c_str(), found.st_mode & ~others & 07777) == 0 ? 0 : errno;
}

// A name like ":memory:" or "" would mean something else to SQLite.
std::string as_file(const std::string& path) {
  return path.empty() || path.front() == '/' ? path : "./" + path;
}

}  // namespace

Query::Query(Database& database, sqlite3_stmt* statement, int status)
    : database_(database), statement_(statement), status_(status) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Query& Query::bind(std::string_view text) {
  if (status_ != SQLITE_OK) return *this;
  // A null pointer would bind NULL.
  const char* bytes = text.data() == nullptr ? "" : text.data();
  status_ =
      sqlite3_bind_text64(statement_, ++bound_, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Query& Query::bind(std::int64_t number) {
  if (status_ == SQLITE_OK) status_ = sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}

Result<bool> Query::step() {
  if (status_ != SQLITE_OK) return tl::unexpected(database_.error(status_));
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  return tl::unexpected(database_.error(status));
}

Result<void> Query::run() {
  return step().map([](bool) {});
}

std::string Query::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::int64_t Query::number(int column) const { return sqlite3_column_int64(statement_, column); }

Database::Database(DatabaseOptions options) : options_(std::move(options)) {}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<std::unique_ptr<Database>> Database::open(DatabaseOptions options) {
  options.path = as_file(options.path);
  std::unique_ptr<Database> database{new Database{std::move(options)}};
  for (const auto step : {&Database::connect, &Database::check_owner, &Database::configure}) {
    if (auto done = (*database.*step)(); !done) return tl::unexpected(std::move(done.error()));
  }
  return database;
}

Result<void> Database::connect() {
  if (const int failure = make_file(options_.path); failure != 0) {
    return tl::unexpected(unavailable(std::strerror(failure)));
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int status = sqlite3_open_v2(options_.path.c_str(), &handle_, flags, nullptr);
  if (status != SQLITE_OK) return tl::unexpected(error(status));
  sqlite3_busy_timeout(handle_, static_cast<int>(options_.busy_max.count()));
  return {};
}

Result<void> Database::check_owner() {
  const auto tables = number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(tables.error());
  const auto owner = number("PRAGMA application_id");
  if (!owner) return tl::unexpected(owner.error());
  if (*owner != application_id && *tables != 0) {
    return tl::unexpected(unavailable("it is another program's database"));
  }
  if (sqlite3_db_readonly(handle_, "main") == 1) return tl::unexpected(unavailable("read-only"));
  return check_version(*this).map([](std::int64_t) {});
}

Result<void> Database::configure() {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    if (const int failure = keep_private(options_.path + suffix); failure != 0) {
      return tl::unexpected(unavailable(std::strerror(failure)));
    }
  }
  // secure_delete: what was removed is overwritten in the file.
  for (const char* sql : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                          "PRAGMA foreign_keys = ON", "PRAGMA secure_delete = ON"}) {
    if (auto done = execute(sql); !done) return done;
  }
  const auto page_bytes = number("PRAGMA page_size");
  if (!page_bytes) return tl::unexpected(page_bytes.error());
  const auto pages_max = std::max<std::uint64_t>(
      1, options_.bytes_max / static_cast<std::uint64_t>(std::max<std::int64_t>(1, *page_bytes)));
  const std::string limit = fmt::format("PRAGMA max_page_count = {}", pages_max);
  if (auto done = execute(limit.c_str()); !done) return done;
  return migrate(*this);
}

Query Database::query(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found != statements_.end()) return {*this, found->second, SQLITE_OK};
  sqlite3_stmt* statement = nullptr;
  const int status = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (status == SQLITE_OK) statements_.emplace(sql, statement);
  return {*this, statement, status};
}

Result<void> Database::execute(const char* sql) {
  const int status = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return tl::unexpected(error(status));
  return {};
}

Result<std::int64_t> Database::number(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  int status = sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr);
  std::int64_t found = 0;
  if (status == SQLITE_OK) {
    status = sqlite3_step(statement);
    if (status == SQLITE_ROW) found = sqlite3_column_int64(statement, 0);
  }
  Result<std::int64_t> result = found;
  if (status != SQLITE_ROW) result = tl::unexpected(error(status));
  sqlite3_finalize(statement);
  return result;
}

Error Database::error(int status) const {
  const int primary = status & 0xff;
  if (primary == SQLITE_FULL) {
    return make_error(ErrorCode::store_full,
                      fmt::format("session store \"{}\" is full: the disk, or its {} bytes allowed",
                                  options_.path, options_.bytes_max));
  }
  if (primary == SQLITE_TOOBIG) {
    return make_error(ErrorCode::invalid_session,
                      fmt::format("session store \"{}\": the value is too large", options_.path));
  }
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
    if (until_deadline_) return in_use();
    return unavailable(
        fmt::format("locked by another connection for {} ms", options_.busy_max.count()));
  }
  return unavailable(sqlite3_errstr(status));
}

Error Database::in_use() const {
  return make_error(
      ErrorCode::store_timeout,
      fmt::format("session store \"{}\": in others' hands until the deadline", options_.path));
}

void Database::wait_for_others(core::Instant until) {
  auto wait = options_.busy_max;
  until_deadline_ = false;
  if (until != core::never) {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(until - runtime::now());
    until_deadline_ = left < wait;
    wait = std::clamp(left, std::chrono::milliseconds{0}, wait);
  }
  sqlite3_busy_timeout(handle_, static_cast<int>(wait.count()));
}

Error Database::unavailable(std::string_view why) const {
  return make_error(ErrorCode::store_unavailable,
                    fmt::format("session store \"{}\": {}", options_.path, why));
}

Transaction::~Transaction() {
  // Fails only where SQLite has rolled back by itself already.
  if (open_) (void)database_.execute("ROLLBACK");
}

Result<void> Transaction::begin() {
  auto begun = database_.query("BEGIN IMMEDIATE").run();
  open_ = begun.has_value();
  return begun;
}

Result<void> Transaction::commit() {
  auto committed = database_.query("COMMIT").run();
  if (committed) open_ = false;
  return committed;
}

}  // namespace ordeal::pool::store

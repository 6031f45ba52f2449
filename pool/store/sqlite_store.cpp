#include "pool/store/sqlite_store.hpp"

#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

namespace ordeal::pool::store {
namespace {

Result<std::vector<SessionInfo>> infos(Query& query) {
  std::vector<SessionInfo> found;
  while (true) {
    const auto row = query.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return found;
    found.push_back({.id = query.text(0),
                     .created_at = Milliseconds{query.number(1)},
                     .used_at = Milliseconds{query.number(2)},
                     .operations = static_cast<std::uint64_t>(query.number(3)),
                     .programs = static_cast<std::uint64_t>(query.number(4))});
  }
}

Result<std::vector<Program>> programs_of(Query& query) {
  std::vector<Program> found;
  while (true) {
    const auto row = query.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return found;
    found.push_back({.id = query.text(0),
                     .record = query.text(1),
                     .created_at = Milliseconds{query.number(2)},
                     .executions = static_cast<std::uint64_t>(query.number(3)),
                     .executed_at = Milliseconds{query.number(4)}});
  }
}

// Who was last used then has expired now.
std::int64_t expired_until(Milliseconds now, Milliseconds ttl) { return (now - ttl).count(); }

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(DatabaseOptions file, StoreOptions options) {
  auto database = Database::open(std::move(file));
  if (!database) return tl::unexpected(std::move(database.error()));
  return std::unique_ptr<SqliteStore>{new SqliteStore{std::move(*database), std::move(options)}};
}

SqliteStore::SqliteStore(std::unique_ptr<Database> database, StoreOptions options)
    : options_(std::move(options)), database_(std::move(database)) {}

template <typename Body>
auto SqliteStore::transact(Instant until, Body body) {
  using Outcome = decltype(body(Milliseconds{}));
  if (mutex_.is_mine()) return Outcome{tl::unexpected(reentered())};
  if (!mutex_.lock_until(until)) return Outcome{tl::unexpected(database_->in_use())};
  const std::lock_guard lock{mutex_, std::adopt_lock};
  database_->wait_for_others(until);
  Transaction transaction{*database_};
  if (auto begun = transaction.begin(); !begun) return Outcome{tl::unexpected(begun.error())};
  // Read with the lock of the file in hand: the wait for it is not part of anybody's age.
  Outcome outcome = body(options_.clock());
  if (!outcome && outcome.error().code != ErrorCode::session_expired) return outcome;
  if (auto done = transaction.commit(); !done) return Outcome{tl::unexpected(done.error())};
  return outcome;
}

Result<void> SqliteStore::find(std::string_view id, Milliseconds now) {
  if (auto fine = check_id(id); !fine) return fine;
  Milliseconds used_at{};
  {
    Query query = database_->query("SELECT used_at FROM sessions WHERE id = ?1");
    const auto found = query.bind(id).step();
    if (!found) return tl::unexpected(found.error());
    if (!*found) return tl::unexpected(not_found(id));
    used_at = Milliseconds{query.number(0)};
  }
  if (!is_expired(used_at, now, options_.ttl)) return {};
  auto removed = database_->query("DELETE FROM sessions WHERE id = ?1").bind(id).run();
  if (!removed) return removed;
  return tl::unexpected(expired(id, options_.ttl));
}

Result<void> SqliteStore::use(std::string_view id, Milliseconds now) {
  if (auto found = find(id, now); !found) return found;
  return database_->query("UPDATE sessions SET used_at = ?1 WHERE id = ?2")
      .bind(now.count())
      .bind(id)
      .run();
}

Result<void> SqliteStore::make(std::string_view id, std::string_view data, Milliseconds now) {
  return database_
      ->query("INSERT INTO sessions (id, data, created_at, used_at) VALUES (?1, ?2, ?3, ?4)")
      .bind(id)
      .bind(data)
      .bind(now.count())
      .bind(now.count())
      .run();
}

Result<nlohmann::json> SqliteStore::data_of(std::string_view id) {
  Query query = database_->query("SELECT data FROM sessions WHERE id = ?1");
  const auto found = query.bind(id).step();
  if (!found) return tl::unexpected(found.error());
  auto data = decode(id, query.text(0));
  if (!data) return tl::unexpected(database_->unavailable(data.error().message));
  return data;
}

Result<void> SqliteStore::create(std::string_view id, const nlohmann::json& data, Instant until) {
  const auto text = encode(data, options_);
  if (!text) return tl::unexpected(text.error());
  return transact(until, [&](Milliseconds now) -> Result<void> {
    auto there = find(id, now);
    if (there) return tl::unexpected(exists(id));
    return is_absent(there.error()) ? make(id, *text, now) : there;
  });
}

Result<bool> SqliteStore::ensure(std::string_view id, Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<bool> {
    auto there = use(id, now);
    if (there) return false;
    if (there.error().code != ErrorCode::session_not_found) {
      return tl::unexpected(std::move(there.error()));
    }
    return make(id, "{}", now).map([] { return true; });
  });
}

Result<nlohmann::json> SqliteStore::get(std::string_view id, Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<nlohmann::json> {
    if (auto used = use(id, now); !used) return tl::unexpected(std::move(used.error()));
    return data_of(id);
  });
}

Result<nlohmann::json> SqliteStore::update(std::string_view id, const SessionChange& change,
                                           Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<nlohmann::json> {
    if (auto used = use(id, now); !used) return tl::unexpected(std::move(used.error()));
    auto data = data_of(id);
    if (!data) return data;
    const auto text = apply(change, *data, options_);
    if (!text) return tl::unexpected(text.error());
    auto written =
        database_->query("UPDATE sessions SET data = ?1 WHERE id = ?2").bind(*text).bind(id).run();
    if (!written) return tl::unexpected(std::move(written.error()));
    return decode(id, *text);
  });
}

Result<void> SqliteStore::touch(std::string_view id, Instant until) {
  return transact(until, [&](Milliseconds now) { return use(id, now); });
}

Result<bool> SqliteStore::remove(std::string_view id, Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<bool> {
    auto found = find(id, now);  // removes an expired one itself
    if (!found && is_absent(found.error())) return false;
    if (!found) return tl::unexpected(std::move(found.error()));
    return database_->query("DELETE FROM sessions WHERE id = ?1").bind(id).run().map([] {
      return true;
    });
  });
}

Result<SessionInfo> SqliteStore::describe(std::string_view id, Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<SessionInfo> {
    if (auto found = find(id, now); !found) return tl::unexpected(std::move(found.error()));
    Query query = database_->query(
        "SELECT id, created_at, used_at, operations,"
        " (SELECT count(*) FROM programs WHERE session = ?1) FROM sessions WHERE id = ?1");
    const auto found = infos(query.bind(id));
    if (!found) return tl::unexpected(found.error());
    return found->at(0);
  });
}

Result<std::vector<SessionInfo>> SqliteStore::list(Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<std::vector<SessionInfo>> {
    Query query = database_->query(
        "SELECT id, created_at, used_at, operations,"
        " (SELECT count(*) FROM programs WHERE session = sessions.id)"
        " FROM sessions WHERE used_at > ?1 ORDER BY id");
    return infos(query.bind(expired_until(now, options_.ttl)));
  });
}

Result<std::size_t> SqliteStore::count(Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<std::size_t> {
    Query query = database_->query("SELECT count(*) FROM sessions WHERE used_at > ?1");
    const auto row = query.bind(expired_until(now, options_.ttl)).step();
    if (!row) return tl::unexpected(row.error());
    return static_cast<std::size_t>(query.number(0));
  });
}

Result<std::vector<std::string>> SqliteStore::sweep(Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<std::vector<std::string>> {
    const std::int64_t last = expired_until(now, options_.ttl);
    std::vector<std::string> gone;
    {
      Query query = database_->query("SELECT id FROM sessions WHERE used_at <= ?1 ORDER BY id");
      query.bind(last);
      auto row = query.step();
      for (; row && *row; row = query.step()) gone.push_back(query.text(0));
      if (!row) return tl::unexpected(row.error());
    }
    return database_->query("DELETE FROM sessions WHERE used_at <= ?1").bind(last).run().map([&] {
      return gone;
    });
  });
}

Result<Completion> SqliteStore::complete(std::string_view id, const ProgramChange& change,
                                         Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<Completion> {
    if (auto fine = check_record(change, options_); !fine) return tl::unexpected(fine.error());
    if (auto used = use(id, now); !used) return tl::unexpected(std::move(used.error()));
    const auto applied = apply_change(id, change, now);
    if (!applied) return tl::unexpected(applied.error());
    Query query = database_->query(
        "UPDATE sessions SET operations = operations + ?1 WHERE id = ?2 RETURNING operations");
    const auto row = query.bind(std::int64_t{*applied ? 1 : 0}).bind(id).step();
    if (!row) return tl::unexpected(row.error());
    return Completion{.operations = static_cast<std::uint64_t>(query.number(0)),
                      .applied = *applied};
  });
}

Result<bool> SqliteStore::apply_change(std::string_view id, const ProgramChange& change,
                                       Milliseconds now) {
  switch (change.kind) {
    case ProgramChange::Kind::none:
      return true;
    case ProgramChange::Kind::put:
      return put(id, change, now);
    case ProgramChange::Kind::executed:
      return database_
          ->query(
              "UPDATE programs SET executions = executions + 1, executed_at = ?1"
              " WHERE session = ?2 AND id = ?3")
          .bind(now.count())
          .bind(id)
          .bind(change.program)
          .run()
          .map([] { return true; });
    case ProgramChange::Kind::remove:
      return database_->query("DELETE FROM programs WHERE session = ?1 AND id = ?2")
          .bind(id)
          .bind(change.program)
          .run()
          .map([&] { return database_->changes() != 0; });
  }
  return true;
}

Result<bool> SqliteStore::put(std::string_view id, const ProgramChange& change, Milliseconds now) {
  auto inserted = database_
                      ->query(
                          "INSERT INTO programs (session, id, record, created_at)"
                          " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")
                      .bind(id)
                      .bind(change.program)
                      .bind(change.record)
                      .bind(now.count())
                      .run();
  if (!inserted) return tl::unexpected(std::move(inserted.error()));
  if (database_->changes() == 0) return false;
  Query query = database_->query("SELECT count(*) FROM programs WHERE session = ?1");
  const auto row = query.bind(id).step();
  if (!row) return tl::unexpected(row.error());
  // Rolled back with the rest.
  if (query.number(0) > static_cast<std::int64_t>(options_.programs_max)) {
    return tl::unexpected(too_many_programs(id, options_));
  }
  return true;
}

Result<std::optional<Program>> SqliteStore::program(std::string_view id, std::string_view program,
                                                    Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<std::optional<Program>> {
    if (auto used = use(id, now); !used) return tl::unexpected(std::move(used.error()));
    Query query = database_->query(
        "SELECT id, record, created_at, executions, executed_at FROM programs"
        " WHERE session = ?1 AND id = ?2");
    auto found = programs_of(query.bind(id).bind(program));
    if (!found) return tl::unexpected(std::move(found.error()));
    if (found->empty()) return std::nullopt;
    return std::move(found->front());
  });
}

Result<std::vector<Program>> SqliteStore::programs(std::string_view id, Instant until) {
  return transact(until, [&](Milliseconds now) -> Result<std::vector<Program>> {
    if (auto used = use(id, now); !used) return tl::unexpected(std::move(used.error()));
    Query query = database_->query(
        "SELECT id, record, created_at, executions, executed_at FROM programs"
        " WHERE session = ?1 ORDER BY id");
    return programs_of(query.bind(id));
  });
}

}  // namespace ordeal::pool::store

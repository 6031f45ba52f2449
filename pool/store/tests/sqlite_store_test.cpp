// SQLite's own: what is kept, for whose eyes, and how old files are brought up to date.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "pool/store/sqlite_schema.hpp"
#include "pool/store/sqlite_store.hpp"
#include "pool/store/tests/stores.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::store {
namespace {

using namespace std::chrono_literals;
using Kind = ProgramChange::Kind;

unsigned mode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777U;
}

// Released databases are never edited here: they are what old hosts have left.
constexpr const char* version_1 = R"(
    PRAGMA application_id = 1330791500;
    PRAGMA user_version = 1;
    CREATE TABLE sessions (id TEXT PRIMARY KEY NOT NULL, data TEXT NOT NULL,
      created_at INTEGER NOT NULL, used_at INTEGER NOT NULL) STRICT;
    CREATE TABLE programs (session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
      id TEXT NOT NULL, record TEXT NOT NULL, created_at INTEGER NOT NULL,
      PRIMARY KEY (session, id)) STRICT;
    INSERT INTO sessions VALUES ('old', '{"n":7}', 1699999999000, 1699999999500);
    INSERT INTO programs VALUES ('old', 'p', '{"signature":{}}', 1699999999100);)";

TEST(SqliteStore, KeepsEverythingOverAReopening) {
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage->create("s", Json{{"n", 1}}));
  ASSERT_TRUE(stage->complete("s", {.kind = Kind::put, .program = "p", .record = "{\"a\":1}"}));
  const SessionInfo before = *stage->describe("s");
  stage.reopen();
  const SessionInfo after = *stage->describe("s");
  EXPECT_EQ(after.created_at, before.created_at);
  EXPECT_EQ(after.used_at, before.used_at);
  EXPECT_EQ(after.operations, 1U);
  EXPECT_EQ(*stage->get("s"), Json({{"n", 1}}));
  EXPECT_EQ(stage->program("s", "p")->value().record, "{\"a\":1}");
  stage.pass(stage.ttl());
  stage.reopen();
  EXPECT_EQ(code(stage->get("s")), ErrorCode::session_expired);
}

TEST(SqliteStore, IsItsOwnersAlone) {
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage->create("s", Json::object()));
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode_of(stage.path() + suffix), 0600U);
  stage.close();
  ASSERT_EQ(::chmod(stage.path().c_str(), 0644), 0);
  stage.reopen();
  EXPECT_EQ(mode_of(stage.path()), 0600U);
}

TEST(SqliteStore, CommitsAsAsked) {
  Stage stage{StoreKind::sqlite};
  auto database = Database::open({.path = stage.path()});
  ASSERT_TRUE(database);
  EXPECT_EQ(*(*database)->number("PRAGMA synchronous"), 2) << "FULL";
  EXPECT_EQ(*(*database)->number("PRAGMA foreign_keys"), 1);
  RawConnection raw{stage.path()};
  EXPECT_EQ(raw.ask("PRAGMA journal_mode"), "wal;");
  EXPECT_EQ(raw.ask("PRAGMA user_version"), "2;");
}

TEST(SqliteStore, BringsVersion1UpToDate) {
  Stage stage{StoreKind::sqlite};
  stage.close();
  std::filesystem::remove(stage.path());
  RawConnection{stage.path()}.run(version_1);
  stage.reopen();
  EXPECT_EQ(*stage->get("old"), Json({{"n", 7}}));
  EXPECT_EQ(stage->describe("old")->created_at, Milliseconds{1'699'999'999'000});
  EXPECT_EQ(stage->describe("old")->operations, 0U);
  EXPECT_EQ(stage->program("old", "p")->value().record, "{\"signature\":{}}");
  EXPECT_EQ(stage->complete("old", {.kind = Kind::executed, .program = "p"})->operations, 1U);
  EXPECT_EQ(RawConnection{stage.path()}.ask("PRAGMA user_version"), "2;");
}

TEST(SqliteStore, LeavesVersion1AsItIsIfItCannotBeBroughtUpToDate) {
  Stage stage{StoreKind::sqlite};
  stage.close();
  std::filesystem::remove(stage.path());
  // The step's last statement will fail: its index is there.
  RawConnection{stage.path()}.run(std::string{version_1} +
                                  "CREATE INDEX sessions_by_use ON sessions (data);");
  const auto opened = stage.open();
  EXPECT_EQ(code(opened), ErrorCode::store_unavailable);
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr(stage.path()));
  RawConnection raw{stage.path()};
  EXPECT_EQ(raw.ask("PRAGMA user_version"), "1;");
  EXPECT_EQ(raw.ask("SELECT name FROM pragma_table_info('sessions')"),
            "id;data;created_at;used_at;");
  EXPECT_EQ(raw.ask("SELECT data FROM sessions"), "{\"n\":7};");
}

TEST(SqliteStore, RefusesANewerVersionAndLeavesItAlone) {
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage->create("s", Json::object()));
  stage.close();
  RawConnection{stage.path()}.run("PRAGMA journal_mode = DELETE; PRAGMA user_version = 3");
  const std::string before = bytes_of(stage.path());
  const auto opened = stage.open();
  EXPECT_EQ(code(opened), ErrorCode::store_version_unsupported);
  EXPECT_EQ(opened.error().message,
            "session store \"" + stage.path() + "\" has version 3, the newest known here is 2");
  EXPECT_EQ(bytes_of(stage.path()), before);
}

TEST(SqliteStore, IsSharedByTwoHostsWithoutALostUpdate) {
  cites(45);
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage->create("s", Json{{"n", 0}}));
  auto other = SqliteStore::open({.path = stage.path()}, stage.options());
  ASSERT_TRUE(other);
  const auto increment = [](SessionStore& store) {
    for (int i = 0; i < 50; ++i) {
      const auto done = store.update("s", [](Json& data) { data["n"] = data["n"].get<int>() + 1; });
      EXPECT_TRUE(done) << done.error().message;
    }
  };
  std::thread thread{[&] { increment(**other); }};
  increment(stage.store());
  thread.join();
  EXPECT_EQ((*stage->get("s"))["n"], 100);
}

TEST(SqliteStore, LeavesNothingOfARemovedSessionInItsFile) {
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage->create("s", Json{{"note", "canary-4711"}}));
  ASSERT_TRUE(stage->create("t", Json::object()));
  stage.reopen();
  EXPECT_THAT(bytes_of(stage.path()), ::testing::HasSubstr("canary-4711"));
  ASSERT_TRUE(*stage->remove("s"));
  stage.close();
  EXPECT_THAT(bytes_of(stage.path()), ::testing::Not(::testing::HasSubstr("canary-4711")));
}

}  // namespace
}  // namespace ordeal::pool::store

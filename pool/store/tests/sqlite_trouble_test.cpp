// Files that are damaged, foreign, full, locked or not to be written: an error that names the file,
// and nothing lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "pool/runtime/clock.hpp"
#include "pool/store/sqlite_store.hpp"
#include "pool/store/tests/stores.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::store {
namespace {

using namespace std::chrono_literals;

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary | std::ios::trunc} << bytes;
}

TEST(SqliteTrouble, RefusesAnotherProgramsDatabaseAndLeavesItAlone) {
  Stage stage{StoreKind::sqlite};
  stage.close();
  std::filesystem::remove(stage.path());
  RawConnection{stage.path()}.run("CREATE TABLE bookmarks (url TEXT)");
  const std::string before = bytes_of(stage.path());
  const auto opened = stage.open();
  EXPECT_EQ(code(opened), ErrorCode::store_unavailable);
  EXPECT_EQ(opened.error().message,
            "session store \"" + stage.path() + "\": it is another program's database");
  EXPECT_EQ(bytes_of(stage.path()), before);
}

TEST(SqliteTrouble, TellsAFileThatIsNoDatabase) {
  Stage stage{StoreKind::sqlite};
  stage.close();
  const std::string letter = "Dear diary, " + std::string(5'000, 'x');
  write_bytes(stage.path(), letter);
  const auto opened = stage.open();
  EXPECT_EQ(code(opened), ErrorCode::store_unavailable);
  EXPECT_EQ(opened.error().message,
            "session store \"" + stage.path() + "\": file is not a database");
  EXPECT_EQ(bytes_of(stage.path()), letter) << "nothing lost";
}

TEST(SqliteTrouble, TellsDamageInsideTheFile) {
  Stage stage{StoreKind::sqlite};
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(stage->create("s" + std::to_string(i), Json{{"text", std::string(300, 'x')}}));
  }
  stage.close();
  std::string bytes = bytes_of(stage.path());
  constexpr std::size_t header_bytes = 4096;
  std::fill(bytes.begin() + header_bytes, bytes.end(), '\x5a');
  write_bytes(stage.path(), bytes);
  const auto opened = stage.open();
  const auto told = opened ? stage->get("s7").map([](const Json&) {}) : opened;
  EXPECT_EQ(code(told), ErrorCode::store_unavailable);
  EXPECT_EQ(told.error().message,
            "session store \"" + stage.path() + "\": database disk image is malformed");
}

TEST(SqliteTrouble, TellsStoredDataThatAreNotJson) {
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage->create("s", Json::object()));
  RawConnection{stage.path()}.run("UPDATE sessions SET data = 'nonsense'");
  const auto told = stage->get("s");
  EXPECT_EQ(code(told), ErrorCode::store_unavailable);
  EXPECT_EQ(told.error().message,
            "session store \"" + stage.path() + "\": session \"s\": its stored data are not JSON");
}

TEST(SqliteTrouble, SaysThatItIsFullAndLosesNothing) {
  cites(54);
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage.open({.bytes_max = 100'000}));
  const Json data{{"text", std::string(900, 'x')}};
  int acknowledged = 0;
  Result<void> last;
  for (; last && acknowledged < 10'000; acknowledged += last ? 1 : 0) {
    last = stage->create("s" + std::to_string(acknowledged), data);
  }
  EXPECT_EQ(code(last), ErrorCode::store_full);
  EXPECT_EQ(last.error().message, "session store \"" + stage.path() +
                                      "\" is full: the disk, or its 100000 bytes allowed");
  EXPECT_EQ(*stage->count(), static_cast<std::size_t>(acknowledged));
  EXPECT_GT(acknowledged, 20);
  for (int i = 0; i < acknowledged; ++i) {
    EXPECT_EQ(*stage->get("s" + std::to_string(i)), data);
  }
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(*stage->remove("s" + std::to_string(i)));
  EXPECT_TRUE(stage->create("again", data));
}

TEST(SqliteTrouble, WaitsForALockOnlySoLongAndThenNamesTheFile) {
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage.open({.busy_max = 20ms}));
  ASSERT_TRUE(stage->create("s", Json{{"n", 1}}));
  RawConnection other{stage.path()};
  other.run("BEGIN IMMEDIATE");
  const auto update = stage->update("s", [](Json& data) { data["n"] = 2; });
  EXPECT_EQ(code(update), ErrorCode::store_unavailable);
  EXPECT_EQ(update.error().message,
            "session store \"" + stage.path() + "\": locked by another connection for 20 ms");
  other.run("COMMIT");
  EXPECT_EQ(*stage->get("s"), Json({{"n", 1}}));
  EXPECT_TRUE(stage->update("s", [](Json& data) { data["n"] = 2; }));
}

TEST(SqliteTrouble, WaitsForALockNeverBeyondTheCallersDeadline) {
  cites(54);
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage.open({.busy_max = 10min}));
  ASSERT_TRUE(stage->create("s", Json{{"n", 1}}));
  RawConnection other{stage.path()};
  other.run("BEGIN IMMEDIATE");
  const auto began = runtime::now();
  const auto update = stage->update(
      "s", [](Json& data) { data["n"] = 2; }, runtime::now() + 20ms);
  EXPECT_LT(runtime::now() - began, 2s) << "a hundred times what it may wait";
  EXPECT_EQ(code(update), ErrorCode::store_timeout);
  EXPECT_EQ(update.error().message,
            "session store \"" + stage.path() + "\": in others' hands until the deadline");
  other.run("COMMIT");
  EXPECT_EQ(*stage->get("s", runtime::now() - 1s), Json({{"n", 1}})) << "free: taken at once";
}

TEST(SqliteTrouble, NamesAFileThatItCannotMake) {
  Stage stage{StoreKind::sqlite};
  const std::string missing = stage.path() + ".d/sessions.db";
  const auto opened = stage.open({.path = missing});
  EXPECT_EQ(code(opened), ErrorCode::store_unavailable);
  EXPECT_EQ(opened.error().message, "session store \"" + missing + "\": No such file or directory");
  const std::string folder = std::filesystem::path{stage.path()}.parent_path();
  EXPECT_EQ(code(stage.open({.path = folder})), ErrorCode::store_unavailable);
}

// Root may write everything, unless it gives up its capabilities; a child of ours does.
[[noreturn]] void open_without_power(const std::string& path) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[2]{};
  if (::syscall(SYS_capset, &header, none) != 0) ::_exit(2);
  const auto opened = SqliteStore::open({.path = path}, {.clock = [] { return Milliseconds{1}; }});
  const std::string expected = "session store \"" + path + "\": ";
  if (opened || opened.error().code != ErrorCode::store_unavailable) ::_exit(3);
  std::fputs(opened.error().message.c_str(), stderr);
  ::_exit(opened.error().message.starts_with(expected) ? 0 : 4);
}

TEST(SqliteTrouble, TellsAFileThatItMayNotWrite) {
  Stage stage{StoreKind::sqlite};
  ASSERT_TRUE(stage->create("s", Json{{"n", 1}}));
  stage.close();
  ASSERT_EQ(::chmod(stage.path().c_str(), 0400), 0);
  EXPECT_EXIT(open_without_power(stage.path()), ::testing::ExitedWithCode(0), "read-only");
  ASSERT_EQ(::chmod(stage.path().c_str(), 0600), 0);
  stage.reopen();
  EXPECT_EQ(*stage->get("s"), Json({{"n", 1}}));
}

}  // namespace
}  // namespace ordeal::pool::store

#include "pool/store/tests/stores.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "pool/store/memory_store.hpp"
#include "pool/store/sqlite_store.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::pool::store {

std::ostream& operator<<(std::ostream& out, StoreKind kind) {
  return out << (kind == StoreKind::memory ? "memory" : "sqlite");
}

Stage::Stage(StoreKind kind, StoreOptions options)
    : kind_(kind),
      now_(std::make_shared<Milliseconds>(1'700'000'000'000)),
      options_(std::move(options)) {
  options_.clock = [now = now_] { return *now; };
  if (kind_ == StoreKind::sqlite) {
    folder_ = trial::temp_folder() + "/store-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) ADD_FAILURE() << "no folder " << folder_;
    path_ = folder_ + "/sessions.db";
  }
  const auto opened = open();
  EXPECT_TRUE(opened) << opened.error().message;
}

Stage::~Stage() {
  store_.reset();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

void Stage::reopen() {
  if (kind_ == StoreKind::memory) return;
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
}

Result<void> Stage::open(DatabaseOptions file) {
  if (kind_ == StoreKind::memory) {
    store_ = std::make_unique<MemoryStore>(options_);
    return {};
  }
  store_.reset();
  if (file.path.empty()) file.path = path_;
  auto opened = SqliteStore::open(std::move(file), options_);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  store_ = std::move(*opened);
  return {};
}

RawConnection::RawConnection(const std::string& path) {
  EXPECT_EQ(sqlite3_open(path.c_str(), &handle_), 0);
}

RawConnection::~RawConnection() { sqlite3_close(handle_); }

void RawConnection::run(const std::string& sql) {
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &message), 0) << message;
  sqlite3_free(message);
}

std::string RawConnection::ask(const std::string& sql) {
  std::string answer;
  const auto take = [](void* into, int, char** values, char**) {
    *static_cast<std::string*>(into) += std::string{values[0] != nullptr ? values[0] : ""} + ";";
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(handle_, sql.c_str(), take, &answer, nullptr), 0) << sql;
  return answer;
}

std::string bytes_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream{path, std::ios::binary}.rdbuf();
  return out.str();
}

}  // namespace ordeal::pool::store

// A store of either kind on a stage: with a clock that the test moves, and a file of its own.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "pool/store/session_store.hpp"
#include "pool/store/sqlite_database.hpp"

namespace ordeal::pool::store {

using Json = nlohmann::json;

enum class StoreKind : std::uint8_t {
  memory,
  sqlite
};
inline constexpr StoreKind all_stores[] = {StoreKind::memory, StoreKind::sqlite};
std::ostream& operator<<(std::ostream& out, StoreKind kind);

class Stage {
 public:
  explicit Stage(StoreKind kind, StoreOptions options = {});
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] SessionStore& store() { return *store_; }
  SessionStore* operator->() { return store_.get(); }
  void pass(Milliseconds time) { *now_ += time; }
  [[nodiscard]] Milliseconds now() const { return *now_; }
  [[nodiscard]] Milliseconds ttl() const { return options_.ttl; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const StoreOptions& options() const { return options_; }
  // Closes and opens again; for a memory store nothing.
  void reopen();
  void close() { store_.reset(); }
  [[nodiscard]] Result<void> open(DatabaseOptions file = {});

 private:
  const StoreKind kind_;
  std::shared_ptr<Milliseconds> now_;
  StoreOptions options_;
  std::string folder_;
  std::string path_;
  std::unique_ptr<SessionStore> store_;
};

// A connection past the store.
class RawConnection {
 public:
  explicit RawConnection(const std::string& path);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  void run(const std::string& sql);
  // The first column of each row, each followed by a semicolon.
  [[nodiscard]] std::string ask(const std::string& sql);

 private:
  sqlite3* handle_ = nullptr;
};

[[nodiscard]] std::string bytes_of(const std::string& path);

// The error's code; `none` for a success.
template <typename T>
ErrorCode code(const Result<T>& result) {
  return result ? ErrorCode::none : result.error().code;
}

}  // namespace ordeal::pool::store

// Sessions in this process's memory: quick, and gone with it.
#pragma once

#include <map>
#include <string>

#include "pool/store/common.hpp"
#include "pool/store/session_store.hpp"

namespace ordeal::pool::store {

class MemoryStore : public SessionStore {
 public:
  explicit MemoryStore(StoreOptions options);

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
  struct Record {
    std::string data = "{}";
    Milliseconds created_at{};
    Milliseconds used_at{};
    std::uint64_t operations = 0;
    std::map<std::string, Program, std::less<>> programs;
  };

  using Sessions = std::map<std::string, Record, std::less<>>;

  // Runs `body(now)` under the lock.
  template <typename Body>
  auto locked(Instant until, Body body);
  // Runs `body(record)` under it and begins the session's age anew, if that is done at once: it
  // lives, was used last, and nobody holds the lock. Else false, and nothing is done.
  template <typename Body>
  bool used_again(std::string_view id, Body body);
  [[nodiscard]] Sessions::iterator look_up(std::string_view id);
  Sessions::iterator erase(Sessions::iterator session);
  // The living session; use() also begins its age anew.
  [[nodiscard]] Result<Record*> find(std::string_view id, Milliseconds now);
  [[nodiscard]] Result<Record*> use(std::string_view id, Milliseconds now);
  [[nodiscard]] Result<void> make(std::string_view id, std::string data, Milliseconds now);
  [[nodiscard]] Result<bool> apply_change(std::string_view id, Record& record,
                                          const ProgramChange& change, Milliseconds now) const;
  std::vector<std::string> remove_expired(Milliseconds now);

  const StoreOptions options_;
  OwnedMutex mutex_;
  Sessions sessions_;  // guarded by mutex_, as the next
  // Found last, or end(). A call asks for its session when it begins and when it ends.
  Sessions::iterator last_ = sessions_.end();
};

}  // namespace ordeal::pool::store

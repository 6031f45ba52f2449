// What all stores share: names, expiry, data as text, messages. Internal to pool/store.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include "pool/runtime/clock.hpp"
#include "pool/store/session_store.hpp"

namespace ordeal::pool::store {

[[nodiscard]] Result<void> check_id(std::string_view id);
[[nodiscard]] Error not_found(std::string_view id);
[[nodiscard]] Error exists(std::string_view id);
[[nodiscard]] Error expired(std::string_view id, Milliseconds ttl);
[[nodiscard]] Error reentered();
[[nodiscard]] Error in_use();
[[nodiscard]] Result<void> check_record(const ProgramChange& change, const StoreOptions& options);
[[nodiscard]] Error too_many_programs(std::string_view id, const StoreOptions& options);

// Not there, or not any more.
[[nodiscard]] inline bool is_absent(const Error& error) {
  return error.code == ErrorCode::session_not_found || error.code == ErrorCode::session_expired;
}

// A clock that steps back makes no age negative enough to matter: such a session is young.
[[nodiscard]] inline bool is_expired(Milliseconds used_at, Milliseconds now, Milliseconds ttl) {
  return now - used_at >= ttl;
}

// Data as the text that is stored, and back. Stored text that is no JSON is store_unavailable.
[[nodiscard]] Result<std::string> encode(const nlohmann::json& data, const StoreOptions& options);
[[nodiscard]] Result<nlohmann::json> decode(std::string_view id, const std::string& text);
// Runs `change` on `data`, contains what it throws, and returns the text of what it made.
[[nodiscard]] Result<std::string> apply(const SessionChange& change, nlohmann::json& data,
                                        const StoreOptions& options);

// A mutex that is waited for until a deadline, and knows who holds it: a SessionChange that uses
// its own store must be told, not hang.
class OwnedMutex {
 public:
  // False: it was not free until then. Taken if it is free, however late.
  [[nodiscard]] bool lock_until(Instant until);
  [[nodiscard]] bool try_lock() {
    std::thread::id nobody;
    return owner_.compare_exchange_strong(nobody, std::this_thread::get_id());
  }
  void unlock() {
    owner_.store({});
    if (waiting_.load() > 0) freed_.notify();
  }
  [[nodiscard]] bool is_mine() const {
    return owner_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

 private:
  std::atomic<std::thread::id> owner_;  // of nobody: it is free
  std::atomic<std::uint32_t> waiting_{0};
  runtime::WakeWord freed_;
};

}  // namespace ordeal::pool::store

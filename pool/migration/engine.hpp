// A migration at work: who gets a request, what is made of the answers, and the roll at the end.
//
// One lock guards the figures, the rollout and what waits to be compared, and is held for moments;
// each pair has a lock of its own, and no two locks are held at once. The worker thread compares
// and rolls, so that no callback thread of a pool waits for either. At most `compare_queue_max`
// pairs wait to be compared; what comes beyond is counted, not kept.
//
// Lifetime: callbacks hold the engine's shared state, never the engine; they may come after it is
// gone.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "ordeal/pool/migration.hpp"
#include "pool/core/random.hpp"
#include "pool/migration/difference.hpp"
#include "pool/migration/rollout.hpp"

namespace ordeal::pool::migration {

inline constexpr std::size_t compare_queue_max = 1024;

class Engine {
 public:
  Engine(Pool& old_pool, Pool new_pool, MigrationOptions options);
  ~Engine();

  Result<Ticket> call_async(std::string_view command, JsonText arguments,
                            const CallOptions& options, Pool::Callback callback);
  void stop();
  [[nodiscard]] MigrationReport report() const;

 private:
  struct Shared;
  void roll();
  void work();

  Pool& old_pool_;
  std::shared_ptr<Shared> shared_;
  std::thread worker_;
};

}  // namespace ordeal::pool::migration

// Stopping: the core decides what goes when; this waits for it and takes the threads down.
#include <utility>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/housekeeper.hpp"

namespace ordeal::pool::runtime {

Result<void> Engine::stop(std::chrono::milliseconds grace) {
  if (is_forked_copy()) return tl::unexpected(made_by_another_process());
  if (callbacks_.is_current()) {
    return tl::unexpected(make_error(ErrorCode::would_deadlock,
                                     "stop from a callback of the same pool could never end"));
  }
  feed(core::event::StopRequested{grace});
  while (true) {
    const std::uint32_t ticket = progress_.ticket();
    if (stopped()) break;
    progress_.wait_until(core::never, ticket);
  }
  callbacks_.drain();
  const std::lock_guard finishing{finish_mutex_};
  if (std::exchange(finished_, true)) return {};
  housekeeper_->finish();
  {
    const std::lock_guard lock{mutex_};
    recorder_.close();
  }
  return {};
}

void Engine::retire(std::chrono::milliseconds grace) {
  (void)stop(grace);
  callbacks_.finish();
}

}  // namespace ordeal::pool::runtime

// The public Recovery: a handle on its book.
#include "ordeal/pool/recovery.hpp"

#include <utility>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/recovery_book.hpp"

namespace ordeal::pool {

Recovery::Recovery(const Pool& pool, RecoveryOptions options)
    : state_(std::make_shared<runtime::RecoveryBook>(
          runtime::RecoveryBook::Caller{pool.engine_, pool.sessions_},
          options.failover_pool != nullptr
              ? runtime::RecoveryBook::Caller{options.failover_pool->engine_,
                                              options.failover_pool->sessions_}
              : runtime::RecoveryBook::Caller{},
          options)) {}
Recovery::Recovery(Recovery&&) noexcept = default;

Recovery::~Recovery() {
  if (!state_) return;
  if (state_->is_forked_copy()) {
    // Its lock may be held by a thread that is not here.
    new std::shared_ptr<runtime::RecoveryBook>(std::move(state_));
    return;
  }
  state_->close();
}

Result<RecoveryId> Recovery::handle(const Error& error, RecoveryRequest request,
                                    Callback callback) {
  return state_->handle(error, std::move(request), std::move(callback));
}
bool Recovery::cancel(RecoveryId id) { return state_->cancel(id); }
RecoveryStatistics Recovery::statistics() const { return state_->statistics(); }

}  // namespace ordeal::pool

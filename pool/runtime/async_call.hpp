// A call that no thread waits for: what it takes to run it on the housekeeper and to answer it on
// the callback thread. Owned by its ticket slot; passed from hand to hand, never shared.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "ordeal/pool/call.hpp"
#include "pool/runtime/clock.hpp"
#include "pool/runtime/exchange_outcome.hpp"

namespace ordeal::pool::runtime {

class AsyncCall {
 public:
  std::string command;
  std::string arguments;
  std::string session;                      // and the next: RequestView's
  bool adds_session = false;                // to the arguments above
  FollowUp follow_up;                       // may be empty
  std::optional<FollowUpRequest> followed;  // what the worker is asked now, if not the above
  std::size_t step = 0;
  Instant deadline = core::never;
  std::function<void(Result<Reply>)> callback;
  ExchangeOutcome outcome;
  Instant granted_at{};
  Instant ended_at{};
  // Ends the caller's interest through the engine; destroyed with the call.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_requested;
};

}  // namespace ordeal::pool::runtime

// What a Ticket holds of an asynchronous call in a session: it can be given up before the pool has
// heard of it, while the store is asked. Outlives the call.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>

namespace ordeal::pool::runtime {

struct SessionTicket {
  std::stop_source stop;
  std::atomic<std::uint64_t> serial{0};  // 0: no worker has been asked for yet
};

}  // namespace ordeal::pool::runtime

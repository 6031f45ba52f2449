// Driving the exchange machine over a worker's pipes: the parts that the blocking caller and the
// housekeeper share, and the blocking caller itself.
//
// The host keeps a read end of each request pipe, so a write to a dead worker neither raises
// SIGPIPE nor fails; and a request that its worker never read can be taken back (see
// WorkerRecord::request_taken_back): it provably did not happen, and goes to another worker.
#pragma once

#include <string_view>

#include "ordeal/pool/call.hpp"
#include "pool/runtime/exchange_outcome.hpp"
#include "pool/runtime/spin.hpp"
#include "pool/runtime/worker_record.hpp"

namespace ordeal::pool::runtime {

// A request as its caller gave it, checked.
struct RequestView {
  std::string_view command;
  std::string_view arguments;
  // What it is a call of; told to a worker that takes it from the context. Other workers know it
  // if it is added to the arguments, which have no such member.
  std::string_view session;
  bool adds_session = false;
  Instant deadline = core::never;
  std::string_view label;
  std::string_view traceparent;
  std::uint32_t attempt = 1;
};

// Encodes the request under the worker's next id and begins the exchange. A worker that has been
// idle for a while is looked at before it is trusted: what it wrote unasked, or its end of file, is
// found before a byte of the request is written.
void begin_exchange(WorkerRecord& worker, const RequestView& request, Instant at);

// Writes what the pipe takes. Returns false if it takes no more now.
bool write_some(WorkerRecord& worker);

// Reads what is there, once. Returns false if nothing is there now, or nothing ever will be.
bool read_some(WorkerRecord& worker);

// Ends the exchange if the core has asked for it (WorkerRecord::interrupts); reads first what a
// worker that is gone has left.
void heed_interrupts(WorkerRecord& worker);

// Owned copy of the channel's result, after the exchange has ended. An answered request is no
// longer in hand; any other is, as far as the worker's certificate is concerned.
[[nodiscard]] ExchangeOutcome take_outcome(WorkerRecord& worker, Instant at);

// An exchange that was begun, to its end on the calling thread; returns at the latest shortly after
// its deadline. `at`: since when the worker is this caller's.
[[nodiscard]] ExchangeOutcome drive_blocking(WorkerRecord& worker, Spinner& spinner, Instant at);

// A process that dies closes its pipes before its death can be noticed. After an end of file its
// driver waits so long for the news, which tell whether the request can be taken back; a worker
// that lives on after that has closed its stream on purpose.
inline constexpr Duration death_news_max = std::chrono::milliseconds{100};

}  // namespace ordeal::pool::runtime

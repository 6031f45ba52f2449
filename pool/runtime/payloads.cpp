// The option log_payloads: the only way by which what callers and workers say reaches a sink.
//
// Invariant: bounded and escaped here (wire::excerpt), so no sink can be made to print more. A
// worker's stderr and tracebacks are in no event at all.
#include "pool/runtime/engine.hpp"
#include "pool/runtime/exchange_outcome.hpp"
#include "pool/runtime/session_text.hpp"
#include "pool/runtime/worker_record.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::runtime {

void Engine::tell_payloads(const TicketSlot& slot, std::string_view arguments,
                           const ExchangeOutcome& outcome) {
  if (!callbacks_.has_sinks()) return;
  PoolEvent event;
  event.what = event_names::request_payload;
  event.at = std::chrono::steady_clock::now();
  event.request = slot.id.serial;
  event.worker = slot.worker->id.serial;
  event.label = slot.label;
  event.traceparent = slot.traceparent;
  // Settings may hold a key.
  event.arguments = reaches_all_workers(slot.command) ? "" : wire::excerpt(arguments);
  if (outcome.verdict == core::ExchangeVerdict::replied) {
    event.answer = wire::excerpt(outcome.result_text);
  } else if (outcome.application) {
    event.answer = wire::excerpt(outcome.application->message);
  } else {
    event.answer = outcome.excerpt;  // bad bytes, an excerpt already
  }
  tell(std::move(event));
}

}  // namespace ordeal::pool::runtime

// Exchanges that the housekeeper drives: handshakes, asynchronous calls, late replies.
#include <unistd.h>

#include <utility>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/driver.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/wire/envelope.hpp"

namespace ordeal::pool::runtime {

void Housekeeper::begin_async(TicketSlot& slot) {
  WorkerRecord& worker = *slot.worker;
  AsyncCall& call = *slot.async;
  call.granted_at = now();
  call.followed.reset();
  call.step = 0;
  ask(worker, slot);
}

// The call's next request to the worker that it has been given.
void Housekeeper::ask(WorkerRecord& worker, TicketSlot& slot) {
  const AsyncCall& call = *slot.async;
  worker.purpose = Purpose::async_call;
  worker.async_slot = &slot;
  worker.waited_for_news = false;
  begin_exchange(worker,
                 {.command = call.followed ? call.followed->command : call.command,
                  .arguments = call.followed ? call.followed->arguments : call.arguments,
                  .session = call.session,
                  .adds_session = call.followed ? call.followed->adds_session : call.adds_session,
                  .deadline = call.deadline,
                  .label = slot.label,
                  .traceparent = slot.traceparent,
                  .attempt = slot.attempt},
                 call.step == 0 ? call.granted_at : now());
  advance(worker);
}

// Writes and reads what can be, without waiting, and arranges to be called for the rest.
void Housekeeper::advance(WorkerRecord& worker) {
  if (worker.purpose == Purpose::drain) {
    advance_drain(worker);
    return;
  }
  if (worker.purpose == Purpose::none) return;
  if (worker.purpose == Purpose::async_call && worker.interrupts.load() != 0) {
    heed_interrupts(worker);
  }
  bool more = true;
  while (!worker.channel.result() && more) {
    write_some(worker);
    more = read_some(worker);
  }
  if (worker.channel.result()) {
    conclude(worker);
  } else {
    watch_channel(worker, true, !worker.channel.unwritten().empty());
  }
}

// The exchange has ended, but for one thing: after an end of file the news of the worker's death
// are awaited for a moment, since they tell how it ended and whether it ever saw the request.
void Housekeeper::conclude(WorkerRecord& worker) {
  if (!worker.channel.result()) return;
  const bool lost = worker.channel.result()->verdict == core::ExchangeVerdict::lost;
  if (lost && !worker.exited && worker.lost_deadline == core::never && !worker.waited_for_news) {
    watch_channel(worker, false, false);
    worker.waited_for_news = true;
    worker.lost_deadline = core::after(now(), death_news_max);
    return;
  }
  if (lost && !worker.exited && worker.lost_deadline != core::never) return;
  worker.lost_deadline = core::never;
  switch (worker.purpose) {
    case Purpose::handshake:
      finish_handshake(worker);
      break;
    case Purpose::start_call:
      finish_start_call(worker);
      break;
    case Purpose::async_call:
      finish_async(worker);
      break;
    case Purpose::ping:
      finish_ping(worker);
      break;
    case Purpose::drain:
    case Purpose::none:
      break;
  }
}

void Housekeeper::finish_async(WorkerRecord& worker) {
  watch_channel(worker, false, false);
  worker.purpose = Purpose::none;
  TicketSlot& slot = *std::exchange(worker.async_slot, nullptr);
  ExchangeOutcome outcome = take_outcome(worker, now());
  AsyncCall& call = *slot.async;
  const bool answered = outcome.code == ErrorCode::none &&
                        (outcome.verdict == core::ExchangeVerdict::replied ||
                         outcome.verdict == core::ExchangeVerdict::application_error);
  if (call.follow_up && answered) {
    auto next = call.follow_up(call.step, outcome);
    if (next) {
      engine_.note_exchange(slot, outcome);
      call.followed = std::move(next);
      ++call.step;
      return ask(worker, slot);
    }
  }
  engine_.finish_async(slot, std::move(outcome));
}

void Housekeeper::interrupt(WorkerRecord& worker) {
  if (worker.purpose != Purpose::async_call) return;
  // It may have ended already and wait for the news of its worker's death: here they are.
  worker.channel.result() ? conclude(worker) : advance(worker);
}

// The core keeps the time; the answer is awaited as long as the worker lives.
void Housekeeper::begin_ping(WorkerRecord& worker) {
  if (worker.exited || !worker.channel.can_start()) return;
  worker.purpose = Purpose::ping;
  worker.waited_for_news = false;
  begin_exchange(worker, {.command = "ping", .arguments = "{}"}, now());
  worker.request_in_hand = 0;  // nobody's: not for the certificate
  advance(worker);
}

void Housekeeper::finish_ping(WorkerRecord& worker) {
  watch_channel(worker, false, false);
  worker.purpose = Purpose::none;
  worker.last_used_at = now();
  worker.bytes_written = 0;
  const core::WorkerId id = worker.id;
  const core::ExchangeVerdict verdict = worker.channel.result()->verdict;
  const ErrorCode code = worker.channel.result()->code;
  worker.channel.release();
  const bool replied = verdict == core::ExchangeVerdict::replied;
  if ((replied || verdict == core::ExchangeVerdict::application_error) && code == ErrorCode::none) {
    const ErrorCode how = replied ? ErrorCode::none : ErrorCode::application_error;
    engine_.feed(core::event::ProbeEnded{.worker = id, .code = how});
  } else {  // broke the protocol, said more than its answer, or closed its stream
    engine_.feed(core::event::WorkerFaulted{.worker = id, .code = code});
  }
}

void Housekeeper::begin_drain(WorkerRecord& worker) {
  if (worker.exited || !worker.channel.result() || !worker.channel.result()->is_late()) return;
  if (worker.negotiated.agreed.has(wire::Capability::cancel)) {
    std::string cancel;
    wire::encode_cancel(cancel, worker.request_in_hand.load());
    // A pipe that has no room for it means that the worker has not even read its request.
    (void)!::write(worker.request_descriptor(), cancel.data(), cancel.size());
  }
  worker.channel.begin_drain();
  worker.purpose = Purpose::drain;
  watch_channel(worker, true, false);
  advance_drain(worker);
}

void Housekeeper::advance_drain(WorkerRecord& worker) {
  while (worker.channel.is_draining() && read_some(worker)) {
  }
  if (worker.channel.is_draining()) return;
  watch_channel(worker, false, false);
  worker.purpose = Purpose::none;
  if (worker.channel.drained()) {
    worker.request_in_hand = 0;
    worker.bytes_written = 0;
    worker.last_used_at = now();
    engine_.feed(core::event::LateReplyDrained{.worker = worker.id, .slot = 0});
  } else {
    engine_.feed(
        core::event::WorkerFaulted{.worker = worker.id, .code = worker.channel.fault().code});
  }
}

}  // namespace ordeal::pool::runtime

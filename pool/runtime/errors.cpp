#include "pool/runtime/errors.hpp"

#include <fmt/format.h>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/housekeeper.hpp"

namespace ordeal::pool::runtime {
namespace {

double milliseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

// What is not said better by the exchange itself (outcome.message).
std::string sentence(ErrorCode code, const TicketSlot& slot, const ExchangeOutcome& outcome,
                     const Options& options, Duration since_submit) {
  switch (code) {
    case ErrorCode::queue_full:
      return fmt::format("{} requests are waiting, queue_max is {}", options.queue_max,
                         options.queue_max);
    case ErrorCode::queue_timeout:
      return fmt::format("no worker took the request within {:.1f} ms", milliseconds(since_submit));
    case ErrorCode::call_timeout:
      return fmt::format("worker {} did not answer within the deadline, {:.1f} ms after submit",
                         slot.worker_serial, milliseconds(since_submit));
    case ErrorCode::worker_died:
      return fmt::format("worker {} died with the request in hand: {}", slot.worker_serial,
                         slot.certificate ? slot.certificate->summary() : "certificate pending");
    case ErrorCode::worker_closed_stream:
      return fmt::format("worker {} closed its reply stream and lived on; it was killed",
                         slot.worker_serial);
    case ErrorCode::poisoned_request:
      return fmt::format("the last of the workers that did not survive it was {}: {}",
                         slot.worker_serial,
                         slot.certificate ? slot.certificate->summary() : "certificate pending");
    case ErrorCode::session_state_lost:
      return slot.worker_serial == 0
                 ? fmt::format(
                       "what worker {} held for the session is lost: the session is bound "
                       "to no worker",
                       slot.state_in_worker)
                 : fmt::format(
                       "what worker {} held for the session is lost: the session is bound "
                       "to worker {}",
                       slot.state_in_worker, slot.worker_serial);
    case ErrorCode::circuit_open:
      return slot.retry_after == Duration::max()
                 ? "the circuit is held open by hand"
                 : fmt::format("the circuit is open for another {:.1f} ms",
                               milliseconds(slot.retry_after));
    case ErrorCode::deadline_unreachable:
      return fmt::format("so many wait that the answer would come {:.1f} ms behind the deadline",
                         milliseconds(slot.retry_after));
    case ErrorCode::concurrency_limited:
      return "as many requests are in the pool as can be answered in good time";
    case ErrorCode::request_shed:
      return fmt::format("the queue stands, and the request had waited for {:.1f} ms at its turn",
                         milliseconds(since_submit));
    case ErrorCode::pool_draining:
      return "the pool is being drained: nobody is let in until it is resumed";
    case ErrorCode::circuit_half_open_limit:
      return fmt::format("the circuit is half-open, and breaker.half_open_max, {}, trials are on",
                         options.breaker.half_open_max);
    case ErrorCode::stopped_in_flight:
      return fmt::format("the pool's stop killed worker {} with the request in hand",
                         slot.worker_serial);
    case ErrorCode::application_error:
      return outcome.application ? application_sentence(slot.worker_serial, *outcome.application)
                                 : std::string{traits(code).meaning};
    default:
      return outcome.message.empty()
                 ? std::string{traits(code).meaning}
                 : fmt::format("worker {}: {}", slot.worker_serial, outcome.message);
  }
}

}  // namespace

std::string application_sentence(std::uint64_t worker, const ApplicationError& error) {
  return fmt::format("worker {}: {}{}{}", worker, error.type, error.type.empty() ? "" : ": ",
                     error.message);
}

Error annotate(Error error, const CallOptions& options) {
  error.label = options.label;
  error.traceparent = options.traceparent;
  return error;
}

Error made_by_another_process() {
  return make_error(ErrorCode::used_after_fork,
                    "the pool was made by another process, and this one is its fork");
}

// The worker is forgotten before the pause ends; its certificate is wanted if no retry follows.
void Engine::perform_pause(const core::action::Pause& pause) {
  keep_certificate(tickets_.at(pause.ticket), pause.worker);
}

void Engine::keep_certificate(TicketSlot& slot, core::WorkerId worker) {
  if (const WorkerRecord* record = find_worker(worker)) slot.certificate = record->certificate;
}

Error Engine::error_of(const TicketSlot& slot, const ExchangeOutcome& outcome) const {
  Error error;
  error.code = slot.code;
  error.message = sentence(slot.code, slot, outcome, options_, now() - slot.submitted_at);
  if (slot.code == ErrorCode::session_state_lost) {
    error.state_lost = StateLost{slot.state_in_worker, slot.worker_serial};
  } else if (slot.worker_serial != 0) {
    error.worker = slot.worker_serial;
  }
  error.attempts = slot.attempts;
  error.maybe_ran = slot.maybe_ran;
  error.label = slot.label;
  error.traceparent = slot.traceparent;
  error.certificate = slot.certificate;
  const bool knows_when =
      slot.code == ErrorCode::circuit_open || slot.code == ErrorCode::deadline_unreachable;
  if (knows_when && slot.retry_after != Duration::max()) {
    error.retry_after = slot.retry_after;
  }
  if (slot.code == ErrorCode::application_error) error.application = outcome.application;
  if (error.application) error.retry_after = error.application->retry_after;
  error.excerpt = outcome.excerpt;
  if (slot.code == ErrorCode::workers_unavailable) {
    const std::lock_guard lock{mutex_};
    if (last_start_failure_) {
      error.message = fmt::format("no worker is alive, and starts keep failing; the last: {}",
                                  last_start_failure_->message);
      error.certificate = last_start_failure_->certificate;
    }
  }
  return error;
}

}  // namespace ordeal::pool::runtime

#include "pool/runtime/names.hpp"

namespace ordeal::pool::core {

std::string_view to_string(Occurrence what) {
  switch (what) {
    case Occurrence::request_submitted:
      return "request_submitted";
    case Occurrence::request_granted:
      return "request_granted";
    case Occurrence::request_requeued:
      return "request_requeued";
    case Occurrence::request_retry_scheduled:
      return "request_retry_scheduled";
    case Occurrence::request_retry_exhausted:
      return "request_retry_exhausted";
    case Occurrence::request_resolved:
      return "request_resolved";
    case Occurrence::worker_transition:
      return "worker_transition";
    case Occurrence::worker_spawning:
      return "worker_spawning";
    case Occurrence::worker_start_failed:
      return "worker_start_failed";
    case Occurrence::worker_faulted:
      return "worker_faulted";
    case Occurrence::start_backing_off:
      return "start_backing_off";
    case Occurrence::start_circuit_opened:
      return "start_circuit_opened";
    case Occurrence::start_circuit_closed:
      return "start_circuit_closed";
    case Occurrence::queue_full:
      return "queue_full";
    case Occurrence::pool_stopping:
      return "pool_stopping";
    case Occurrence::pool_stopped:
      return "pool_stopped";
  }
  return "?";
}

std::string_view to_string(KillReason reason) {
  switch (reason) {
    case KillReason::start_timeout:
      return "not ready within start_timeout";
    case KillReason::fault:
      return "broke the protocol";
    case KillReason::late_reply_overdue:
      return "late reply not sent within quarantine_grace";
    case KillReason::partial_write:
      return "request cut off in the middle of a frame";
    case KillReason::did_not_stop:
      return "did not stop when asked";
    case KillReason::stop_grace_over:
      return "the pool's stop did not wait longer";
  }
  return "?";
}

}  // namespace ordeal::pool::core

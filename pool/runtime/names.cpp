#include "pool/runtime/names.hpp"

namespace ordeal::pool::core {

std::string_view sentence_of(KillReason reason) {
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
    case KillReason::unhealthy:
      return "failed its health checks, or calls in time, health_failures_max times in a row";
    case KillReason::stuck:
      return "stuck: it could not go on by itself, or had sent no heartbeat, for a health interval";
    case KillReason::unwanted:
      return "its start is not wanted any more";
    case KillReason::stop_grace_over:
      return "the pool's stop did not wait longer";
  }
  return "?";
}

}  // namespace ordeal::pool::core

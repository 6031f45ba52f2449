// How one exchange ended: what the channel says, and what it means as an error or a handshake.
//
//     verdict            progress   code
//     replied            written    none; or stray_output: bytes came behind the reply, which
//     application_error  written      counts, and the worker must go
//     violated           any        malformed_frame, malformed_reply, reply_id_mismatch,
//                                     reply_too_large, stray_output
//     lost               any        worker_closed_stream, truncated_reply, worker_died
//     timed_out          any        queue_timeout if untouched, else call_timeout
//     cancelled          any        cancelled if untouched, else cancelled_in_flight
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"
#include "pool/core/exchange_verdict.hpp"
#include "pool/wire/handshake.hpp"

namespace ordeal::pool::wire {

struct ExchangeResult {
  core::ExchangeVerdict verdict = core::ExchangeVerdict::replied;
  core::WireProgress progress = core::WireProgress::untouched;
  ErrorCode code = ErrorCode::none;
  // With replied: the result's exact text; valid until the channel's next read_space() or
  // release().
  std::string_view reply;
  std::optional<ApplicationError> application;  // with application_error, and then alone
  std::string message;                          // with any other code than none: what happened
  std::string excerpt;                          // the offending bytes, if there are any

  // The worker can take the next request at once.
  [[nodiscard]] bool is_clean() const;
  // The reply is outstanding, and the worker may be kept if begin_drain() comes to its end.
  [[nodiscard]] bool is_late() const;
};

// REQUIRES: not a clean success. Code, message, excerpt and the worker's own error; who calls adds
// worker, attempts, label and certificate.
[[nodiscard]] Error to_error(const ExchangeResult& result);

// The verdict on the exchange of the start-up ping. Errors: handshake_failed, protocol_unsupported,
// and start_exited if the worker closed its stream or died.
[[nodiscard]] Result<Handshake> judge_handshake(const ExchangeResult& result, Capabilities offered);

}  // namespace ordeal::pool::wire

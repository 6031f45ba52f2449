// What a finished exchange leaves behind, owned: the channel's buffers go on to the next request.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ordeal/pool/error.hpp"
#include "pool/core/event.hpp"
#include "pool/core/exchange_verdict.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {

struct ExchangeOutcome {
  core::ExchangeVerdict verdict = core::ExchangeVerdict::lost;
  core::WireProgress progress = core::WireProgress::untouched;
  ErrorCode code = ErrorCode::none;                     // as in core::event::ExchangeEnded
  std::string result_text;                              // verdict replied
  std::shared_ptr<const ApplicationError> application;  // verdict application_error
  std::string message;  // verdict violated, or a fault behind the reply
  std::string excerpt;
  Instant ended_at{};

  [[nodiscard]] core::event::ExchangeEnded as_event(core::TicketId ticket) const {
    return {.ticket = ticket,
            .verdict = verdict,
            .progress = progress,
            .code = code,
            .retryable = application && application->retryable.value_or(false),
            .retry_after = application
                               ? application->retry_after.value_or(std::chrono::milliseconds{0})
                               : Duration::zero()};
  }
};

// Some calls need several exchanges with one worker, one after the other. Asked with each answer of
// the worker (`step` counts from 0 for each worker); nothing: that was the last.
struct FollowUpRequest {
  std::string command;
  std::string arguments;
  bool adds_session = false;  // the call's, as RequestView's
};
using FollowUp =
    std::function<std::optional<FollowUpRequest>(std::size_t step, const ExchangeOutcome&)>;

}  // namespace ordeal::pool::runtime

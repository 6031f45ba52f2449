#include "pool/wire/exchange_result.hpp"

#include <memory>
#include <utility>

#include "pool/core/assert.hpp"

namespace ordeal::pool::wire {

using core::ExchangeVerdict;
using core::WireProgress;

namespace {

bool was_given_up(ExchangeVerdict verdict) {
  return verdict == ExchangeVerdict::timed_out || verdict == ExchangeVerdict::cancelled;
}

}  // namespace

bool ExchangeResult::is_clean() const {
  if (was_given_up(verdict)) return progress == WireProgress::untouched;
  return (verdict == ExchangeVerdict::replied || verdict == ExchangeVerdict::application_error) &&
         code == ErrorCode::none;
}

bool ExchangeResult::is_late() const {
  return was_given_up(verdict) && progress == WireProgress::written;
}

Error to_error(const ExchangeResult& result) {
  ORDEAL_ASSERT(!(result.verdict == ExchangeVerdict::replied && result.code == ErrorCode::none),
                "a clean success is no error");
  if (result.verdict == ExchangeVerdict::application_error) {
    Error error = make_error(ErrorCode::application_error, result.application->message);
    error.application = std::make_shared<const ApplicationError>(*result.application);
    return error;
  }
  Error error = make_error(result.code, result.message);
  error.excerpt = result.excerpt;
  return error;
}

Result<Handshake> judge_handshake(const ExchangeResult& result, Capabilities offered) {
  if (result.verdict == ExchangeVerdict::replied && result.code == ErrorCode::none) {
    return decode_handshake(result.reply, offered);
  }
  Error error = to_error(result);
  switch (result.verdict) {
    case ExchangeVerdict::lost:
      error.code = ErrorCode::start_exited;
      break;
    case ExchangeVerdict::timed_out:
      error.code = ErrorCode::start_timeout;
      break;
    case ExchangeVerdict::cancelled:
      error.code = ErrorCode::cancelled;
      break;
    case ExchangeVerdict::replied:
    case ExchangeVerdict::application_error:
    case ExchangeVerdict::violated:
      error.code = ErrorCode::handshake_failed;
      break;
  }
  error.message = "handshake failed: " + error.message;
  return tl::make_unexpected(std::move(error));
}

}  // namespace ordeal::pool::wire

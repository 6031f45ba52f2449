#include "pool/wire/exchange.hpp"

#include <algorithm>
#include <utility>

#include "pool/core/assert.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::wire {

using core::ExchangeVerdict;
using core::WireProgress;

namespace {

// A length that is text means that something was printed where frames belong.
std::string hint_of_text(std::string_view header) {
  const bool is_text = std::all_of(header.begin(), header.end(), [](char c) {
    return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\r' || c == '\t';
  });
  if (!is_text) return "";
  return "; as text the length reads \"" + excerpt(header) + "\": was something printed to stdout?";
}

std::string mismatch(std::uint64_t id, std::uint64_t awaited) {
  return "worker answered request " + std::to_string(id) + ", it had request " +
         std::to_string(awaited);
}

}  // namespace

Channel::Channel(std::uint32_t frame_bytes_max) : decoder_(frame_bytes_max) {}

bool Channel::can_start() const {
  switch (state_) {
    case State::idle:
    case State::drained:
      return true;
    case State::ended:
      return result_->is_clean();
    case State::running:
    case State::draining:
      return false;
  }
  return false;
}

void Channel::start(std::uint64_t id, std::string_view frame, core::Instant deadline) {
  ORDEAL_ASSERT(can_start(), "the last exchange is over, and so is its reply");
  ORDEAL_ASSERT(!id_ || id > *id_, "request ids strictly increase");
  ORDEAL_ASSERT(!frame.empty(), "a request has bytes");
  state_ = State::running;
  id_ = id;
  frame_ = frame;
  written_ = 0;
  deadline_ = deadline;
  result_.reset();
  if (!decoder_.at_boundary() && fault_.code == ErrorCode::none) fault_ = stray_bytes();
  if (fault_.code == ErrorCode::none) return;
  const bool is_stray = fault_.code == ErrorCode::stray_output;
  end(is_stray ? ExchangeVerdict::violated : ExchangeVerdict::lost, fault_);
}

std::string_view Channel::unwritten() const {
  return state_ == State::running ? frame_.substr(written_) : std::string_view{};
}

void Channel::on_written(std::size_t n) {
  if (state_ != State::running) return;
  ORDEAL_ASSERT(n <= frame_.size() - written_, "no more is written than there is");
  written_ += n;
}

void Channel::on_write_failed() {
  end(ExchangeVerdict::lost,
      {ErrorCode::worker_closed_stream, "worker stopped reading " + how_far(), {}});
}

void Channel::on_read(std::size_t n) {
  decoder_.commit(n);
  if (state_ == State::running) judge_frames();
  if (state_ == State::draining) judge_late_frames();
}

void Channel::on_idle_read(std::size_t n) {
  ORDEAL_ASSERT(state_ != State::draining, "a worker that owes a reply is not idle");
  ORDEAL_ASSERT(state_ != State::running || written_ == 0, "a worker that was asked is not idle");
  if (n == 0) return;
  decoder_.commit(n);
  if (state_ == State::running) {
    end(ExchangeVerdict::violated, stray_bytes());
  } else {
    fault_ = stray_bytes();
  }
}

void Channel::on_end_of_file() {
  if (state_ == State::running) {
    end(ExchangeVerdict::lost, judge_end_of_file());
  } else if (fault_.code == ErrorCode::none) {
    fault_ = judge_end_of_file();
  }
}

void Channel::on_deadline() {
  const bool untouched = written_ == 0;
  end(ExchangeVerdict::timed_out, {untouched ? ErrorCode::queue_timeout : ErrorCode::call_timeout,
                                   "deadline passed " + how_far(),
                                   {}});
}

void Channel::on_cancel() {
  const bool untouched = written_ == 0;
  end(ExchangeVerdict::cancelled,
      {untouched ? ErrorCode::cancelled : ErrorCode::cancelled_in_flight,
       "caller gave up " + how_far(),
       {}});
}

void Channel::on_worker_gone() {
  WireError death{ErrorCode::worker_died, "worker died " + how_far(), {}};
  if (state_ == State::running) {
    end(ExchangeVerdict::lost, std::move(death));
  } else if (fault_.code == ErrorCode::none) {
    fault_ = std::move(death);
  }
}

WireProgress Channel::progress() const {
  if (written_ == 0) return WireProgress::untouched;
  return written_ < frame_.size() ? WireProgress::partial : WireProgress::written;
}

void Channel::begin_drain() {
  ORDEAL_ASSERT(state_ == State::ended && result_->is_late(), "a reply is outstanding");
  state_ = State::draining;
  decoder_.set_discard_above(drain_judged_bytes_max);
  judge_late_frames();
}

// Any frame ends the exchange, so one look is enough.
void Channel::judge_frames() {
  if (written_ == 0) return end(ExchangeVerdict::violated, stray_bytes());
  const FrameDecoder::Next next = decoder_.next();
  switch (next.status) {
    case FrameDecoder::Status::need_more:
      return;
    case FrameDecoder::Status::frame:
      return judge_reply(next.body);
    case FrameDecoder::Status::discarded:
      return ORDEAL_ASSERT(false, "only a drain discards");
    case FrameDecoder::Status::empty:
    case FrameDecoder::Status::too_large:
      return end(ExchangeVerdict::violated, broken_frame(next));
  }
}

void Channel::judge_reply(std::string_view body) {
  if (progress() != WireProgress::written) {
    return end(ExchangeVerdict::violated,
               {ErrorCode::stray_output, "worker wrote a whole frame " + how_far(), excerpt(body)});
  }
  auto reply = decode_reply(body);
  if (!reply) return end(ExchangeVerdict::violated, std::move(reply.error()));
  if (reply->id != *id_) {
    return end(ExchangeVerdict::violated,
               {ErrorCode::reply_id_mismatch, mismatch(reply->id, *id_), excerpt(body)});
  }
  end(reply->success ? ExchangeVerdict::replied : ExchangeVerdict::application_error);
  if (!decoder_.at_boundary()) blame(stray_bytes());
  result_->reply = reply->result;
  if (reply->error) result_->application = std::move(reply->error);
}

void Channel::judge_late_frames() {
  if (fault_.code != ErrorCode::none) return;
  const FrameDecoder::Next next = decoder_.next();
  switch (next.status) {
    case FrameDecoder::Status::need_more:
      return;
    case FrameDecoder::Status::discarded:
      break;
    case FrameDecoder::Status::frame: {
      auto reply = decode_reply(next.body);
      if (!reply) {
        fault_ = std::move(reply.error());
      } else if (reply->id != *id_) {
        fault_ = {ErrorCode::reply_id_mismatch, mismatch(reply->id, *id_), excerpt(next.body)};
      }
      break;
    }
    case FrameDecoder::Status::empty:
    case FrameDecoder::Status::too_large:
      fault_ = broken_frame(next);
      break;
  }
  if (fault_.code == ErrorCode::none && !decoder_.at_boundary()) fault_ = stray_bytes();
  if (fault_.code != ErrorCode::none) return;
  decoder_.set_discard_above(0);
  decoder_.release();
  state_ = State::drained;
}

void Channel::end(ExchangeVerdict verdict, WireError how) {
  if (state_ != State::running) return;
  end(verdict);
  blame(std::move(how));
}

void Channel::end(ExchangeVerdict verdict) {
  state_ = State::ended;
  ExchangeResult& result = result_.emplace();
  result.verdict = verdict;
  result.progress = progress();
}

void Channel::blame(WireError how) {
  result_->code = how.code;
  result_->message = std::move(how.message);
  result_->excerpt = std::move(how.excerpt);
}

WireError Channel::stray_bytes() const {
  const std::string_view bytes = decoder_.unread();
  return {ErrorCode::stray_output,
          "worker wrote " + std::to_string(bytes.size()) + " bytes that nobody asked for",
          excerpt(bytes)};
}

WireError Channel::broken_frame(const FrameDecoder::Next& next) const {
  const std::string_view bytes = decoder_.unread();
  if (next.status == FrameDecoder::Status::empty) {
    return {ErrorCode::malformed_frame, "frame has a length of 0", excerpt(bytes)};
  }
  return {ErrorCode::reply_too_large,
          "reply of " + std::to_string(next.length) + " bytes exceeds frame_bytes_max " +
              std::to_string(decoder_.frame_bytes_max()) +
              hint_of_text(bytes.substr(0, header_bytes)),
          excerpt(bytes)};
}

WireError Channel::judge_end_of_file() {
  const FrameDecoder::Next next = decoder_.next();
  if (next.arrived == 0 && next.length == 0) {
    return {ErrorCode::worker_closed_stream, "worker closed its stream " + how_far(), {}};
  }
  const bool has_header = next.length > 0;
  return {ErrorCode::truncated_reply,
          "worker closed its stream in the middle of a frame: " + std::to_string(next.arrived) +
              " of " + std::to_string(has_header ? next.length : header_bytes) +
              (has_header ? " bytes came" : " bytes of its header came"),
          excerpt(decoder_.unread())};
}

// How far the exchange had come, for messages.
std::string Channel::how_far() const {
  if (!id_) return "before its first request";
  const std::string request = "request " + std::to_string(*id_);
  if (state_ != State::running) return "after " + request;
  if (written_ == frame_.size()) return "with " + request + " in its hands";
  return "with " + std::to_string(written_) + " of " + std::to_string(frame_.size()) +
         " bytes of " + request + " written";
}

}  // namespace ordeal::pool::wire

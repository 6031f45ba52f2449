// The stream of one worker, and one exchange at a time on it: bytes in, verdicts out. It makes no
// system call and knows no clock; the blocking caller, the epoll loop and the simulation drive it.
//
//              start(id, frame)
//     ┌──────┐ ───────────────▶ ┌─────────┐   reply, violation, end of file,    ┌───────┐
//     │ idle │                  │ running │ ──────────────────────────────────▶ │ ended │
//     └──────┘                  └─────────┘   deadline, cancel, worker gone     └───────┘
//                                  ▲   ▲                                          │   │
//                                  │   └──────── start(), iff is_clean() ─────────┘   │
//                 ┌─────────┐      │               ┌──────────┐                       │
//                 │ drained │ ─────┘ start()       │ draining │ ◀─────────────────────┘
//                 └─────────┘ ◀─────────────────── └──────────┘  begin_drain(), iff is_late()
//                               the late reply          │
//                               has gone by             └──▶ fault()
//
// A driver, while running:
//     write some of unwritten(), call on_written(n);           EPIPE: on_write_failed()
//     read into read_space(), call on_read(n);                 n == 0: on_end_of_file()
//     in any order, both at once: it must read while it still writes, or long frames both ways
//     deadlock. EINTR and EAGAIN are the driver's. After each call, look at result().
//
// Invariants (numbers of behaviour spec, part B):
//  (11) A reply, success or error, counts only if its id is the awaited one.
//  (12) After a time-out or cancel with the request written, the channel takes no new request until
//       begin_drain() has seen exactly the outstanding reply go by, or never.
//  (13) One exchange at a time; ids strictly increase.
//  (14) Whatever else arrives ends this exchange alone, with a code that says how.
//   (a) The first end counts; what comes after it is ignored. So a complete reply that was read
//       wins over a deadline, cancel or death told later.
//   (b) A worker cannot have answered what it has not wholly read: a frame that is complete before
//       the request is wholly written is stray_output, whatever its id.
//   (c) `untouched` means: no byte of the request was reported written.
// Not thread-safe. A small exchange allocates nothing after the first one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"
#include "pool/core/time.hpp"
#include "pool/wire/exchange_result.hpp"
#include "pool/wire/frame.hpp"
#include "pool/wire/reply.hpp"

namespace ordeal::pool::wire {

// A late reply up to this size is kept and its id checked; a longer one is discarded unread.
inline constexpr std::uint32_t drain_judged_bytes_max = 1024 * 1024;

class Channel {
 public:
  // REQUIRES: frame_bytes_max > 0.
  explicit Channel(std::uint32_t frame_bytes_max);

  // Begins an exchange. `frame`: header and body, kept alive by the caller until result(). The
  // deadline is only kept for the driver. If the worker has written anything since its last reply,
  // result() is there at once: violated, untouched, stray_output.
  // REQUIRES: can_start(); id above every earlier one; `frame` not empty.
  void start(std::uint64_t id, std::string_view frame, core::Instant deadline);
  // Nothing was started yet, the last exchange ended clean, or its late reply has been drained.
  [[nodiscard]] bool can_start() const;

  // What is still to be written; empty when nothing is, or the exchange has ended.
  [[nodiscard]] std::string_view unwritten() const;
  // REQUIRES: n is at most unwritten().size().
  void on_written(std::size_t n);
  void on_write_failed();

  // Where the next read goes; never empty. Invalidates the last reply.
  [[nodiscard]] std::span<char> read_space() { return decoder_.write_space(); }
  // REQUIRES: 0 < n <= read_space().size(). Bytes that are read after the end are kept for
  // begin_drain() or, as stray output, for the next start().
  void on_read(std::size_t n);
  // For a look, without blocking, whether an idle worker has written something: before start(), or
  // after it and before the first byte is written. n == 0: it has not. Else the exchange (this one,
  // or the next one started) ends as violated, untouched, stray_output.
  void on_idle_read(std::size_t n);
  // The worker closed its stream; before start(), this is kept for the next one.
  void on_end_of_file();

  void on_deadline();
  void on_cancel();
  // REQUIRES: all that could be read has been read; the worker's last words may be the reply.
  void on_worker_gone();

  [[nodiscard]] core::WireProgress progress() const;
  [[nodiscard]] core::Instant deadline() const { return deadline_; }
  [[nodiscard]] const std::optional<ExchangeResult>& result() const { return result_; }

  // Discards the outstanding reply as it arrives: on_read() until drained() or fault().
  // REQUIRES: result() is there and is_late().
  void begin_drain();
  [[nodiscard]] bool is_draining() const {
    return state_ == State::draining && fault_.code == ErrorCode::none;
  }
  // The outstanding reply is gone; the worker can take the next request.
  [[nodiscard]] bool drained() const { return state_ == State::drained; }
  // How a drain, or an idle worker, went wrong; code none: not at all. The worker must go.
  [[nodiscard]] const WireError& fault() const { return fault_; }

  // The last reply has been copied or is not wanted: gives back the memory of a long one.
  void release() { decoder_.release(); }

 private:
  enum class State : std::uint8_t {
    idle,
    running,
    ended,
    draining,
    drained
  };

  void judge_frames();
  void judge_reply(std::string_view body);
  void judge_late_frames();
  void end(core::ExchangeVerdict verdict, WireError how);  // unless it has ended already
  void end(core::ExchangeVerdict verdict);                 // REQUIRES: it has not
  void blame(WireError how);                               // in the result that is there
  [[nodiscard]] WireError stray_bytes() const;
  [[nodiscard]] WireError broken_frame(const FrameDecoder::Next& next) const;
  [[nodiscard]] WireError judge_end_of_file();
  [[nodiscard]] std::string how_far() const;

  FrameDecoder decoder_;
  State state_ = State::idle;
  std::optional<std::uint64_t> id_;  // of the last exchange started
  std::string_view frame_;
  std::size_t written_ = 0;
  core::Instant deadline_ = core::never;
  std::optional<ExchangeResult> result_;
  WireError fault_;
};

}  // namespace ordeal::pool::wire

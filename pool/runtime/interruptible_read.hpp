// A blocking read of a pipe that others can end.
//
// Nothing is cheaper than to sleep in read() itself: epoll_wait() and then read() cost 0.65 µs more
// of the 8.5 µs of a short call (perf/README.md). But who sleeps there is woken by bytes alone, the
// end of the stream, or a signal, which is the host's. So who ends such a read writes a token into
// the pipe, through an end that is opened for that moment (a host that kept one would never see the
// end of a worker's stream), and the reader cuts it out again.
//
// Invariants:
//   (1) The stream is what the worker wrote: the token is written whole (as a write of up to
//       PIPE_BUF bytes is), by one at a time, only for a reader who sleeps; and the reader goes on
//       only when it has found it. Until then nobody else reads.
//   (2) The token is drawn anew for each pipe and never shown: no worker writes it.
//   (3) What ends a read is kept, by its reason, until clear(): told before the read, it does not
//       sleep.
// Where a token cannot be written (no descriptor is left, and somebody has taken the one kept for
// this; or the process has changed its user or its root since), end() says so, and is to be called
// again.
//
// One reader at a time; end() and clear() by anybody.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::runtime {

class InterruptibleRead {
 public:
  // Why a read ends without bytes. Bits.
  enum Reason : std::uint8_t {
    interrupted = 1,
    due = 2,
  };

  // `descriptor`: the non-blocking read end of a pipe; stays the caller's and open. Null: this
  // system does not let a process open its own pipes anew (no /proc, say).
  [[nodiscard]] static std::unique_ptr<InterruptibleRead> make(int descriptor);

  // As read_pipe(), but sleeps; -EAGAIN: it was ended.
  // REQUIRES: kept() is empty.
  [[nodiscard]] long read(std::span<char> space);
  // What stood before or behind a token that a later read has found: the stream goes on with it.
  [[nodiscard]] std::string& kept() { return kept_; }

  // Ends the running or next read. False: whoever sleeps could not be told.
  bool end(Reason reason);
  void clear(Reason reason) { reasons_.fetch_and(static_cast<std::uint8_t>(~reason)); }
  [[nodiscard]] bool is_ended_by(Reason reason) const { return (reasons_.load() & reason) != 0; }

 private:
  using Token = std::array<char, 16>;
  enum class Reader : std::uint8_t {
    awake,
    asleep,      // or about to be
    being_told,  // somebody writes a token
    told         // it is in the pipe, or has been read
  };

  InterruptibleRead(int descriptor, process::FileDescriptor blocking,
                    process::FileDescriptor reserve, const Token& token);
  enum class Told : std::uint8_t {
    yes,
    needs_no_token,  // the pipe has no room for it: it has bytes to wake up for
    no
  };
  [[nodiscard]] Told write_token();
  [[nodiscard]] process::FileDescriptor open_write_end();
  [[nodiscard]] bool was_told();
  [[nodiscard]] long without_token(std::span<char> space, long count);
  [[nodiscard]] long find_behind(std::span<char> read, long count);

  const int descriptor_;
  process::FileDescriptor blocking_;
  process::FileDescriptor reserve_;  // closed where there is no other to open the write end with
  const Token token_;
  std::atomic<Reader> reader_{Reader::awake};
  std::atomic<std::uint8_t> reasons_{0};
  std::string kept_;
};

}  // namespace ordeal::pool::runtime

// Reading and writing a worker's pipes on the hot path: what read() and write() do, without being
// cancellation points. In a process with threads the C library makes two locked operations around
// each of those (some 15 ns a call); and a thread that could be cancelled in the middle of an
// exchange would take its worker along.
//
// Both return what the kernel returned: a count, or -errno.
#pragma once

#include <cerrno>
#include <span>
#include <string_view>

#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::process {

[[nodiscard]] inline long read_pipe(int descriptor, std::span<char> space) noexcept {
  return raw_syscall(SYS_read, descriptor, space.data(), space.size());
}

[[nodiscard]] inline long write_pipe(int descriptor, std::string_view bytes) noexcept {
  return raw_syscall(SYS_write, descriptor, bytes.data(), bytes.size());
}

// Not now, but perhaps later.
[[nodiscard]] inline bool is_passing(long returned) noexcept {
  return returned == -EAGAIN || returned == -EINTR;
}

}  // namespace ordeal::pool::process

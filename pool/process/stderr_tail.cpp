#include "pool/process/stderr_tail.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace ordeal::pool::process {
namespace {

[[nodiscard]] bool continues_utf8(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// Where the last `lines_max` lines of `text` begin. A final newline ends a line, begins none.
[[nodiscard]] std::size_t begin_of_last_lines(std::string_view text, std::size_t lines_max) {
  std::size_t end = text.size();
  if (end > 0 && text[end - 1] == '\n') --end;
  for (std::size_t lines = 0; lines < lines_max; ++lines) {
    if (end == 0) return 0;
    const std::size_t newline = text.rfind('\n', end - 1);
    if (newline == std::string_view::npos) return 0;
    if (lines + 1 == lines_max) return newline + 1;
    end = newline;
  }
  return text.size();
}

}  // namespace

StderrTail::StderrTail(StderrTailOptions options) : options_(options) {}

DrainOutcome StderrTail::drain(int descriptor, std::size_t budget_bytes) {
  std::array<char, 8192> chunk;  // not zeroed: the kernel fills what is read of it
  while (budget_bytes > 0) {
    const ssize_t got = ::read(descriptor, chunk.data(), std::min(chunk.size(), budget_bytes));
    if (got == 0) return DrainOutcome::closed;
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? DrainOutcome::empty : DrainOutcome::closed;
    }
    const std::size_t bytes = static_cast<std::size_t>(got);
    append({chunk.data(), bytes});
    budget_bytes -= bytes;
  }
  return DrainOutcome::budget_spent;
}

void StderrTail::append(std::string_view text) {
  bytes_seen_ += text.size();
  if (text.size() >= options_.bytes_max) {
    held_.assign(text.substr(text.size() - options_.bytes_max));
    return;
  }
  // Trimmed only when twice too long, so that a byte is moved once and not with each append.
  if (held_.size() + text.size() > 2 * options_.bytes_max) {
    held_.erase(0, held_.size() + text.size() - options_.bytes_max);
  }
  held_.append(text);
}

std::string_view StderrTail::since(std::uint64_t seen) const {
  const std::uint64_t written = bytes_seen_ - std::min(seen, bytes_seen_);
  std::string_view last(held_);
  if (written < last.size()) last.remove_prefix(last.size() - written);
  return last;
}

std::string StderrTail::text() const {
  std::string_view last(held_);
  const bool cut = bytes_seen_ > std::min(held_.size(), options_.bytes_max);
  if (last.size() > options_.bytes_max) last.remove_prefix(last.size() - options_.bytes_max);
  if (cut) {
    // The first line lost its beginning: better left out, unless it is all there is.
    const std::size_t newline = last.find('\n');
    if (newline != std::string_view::npos && newline + 1 < last.size()) {
      last.remove_prefix(newline + 1);
    }
    while (!last.empty() && continues_utf8(last.front())) last.remove_prefix(1);
  }
  return std::string(last.substr(begin_of_last_lines(last, options_.lines_max)));
}

}  // namespace ordeal::pool::process

#include "pool/runtime/interruptible_read.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pool/core/assert.hpp"
#include "pool/process/pipe_io.hpp"

namespace ordeal::pool::runtime {
namespace {

// Costs nothing but its number.
process::FileDescriptor take_reserve() {
  return process::FileDescriptor{open("/", O_PATH | O_CLOEXEC)};
}

constexpr int to_write = O_WRONLY | O_NONBLOCK;
constexpr std::size_t chunk_bytes = 64 * 1024;  // what a pipe holds by default

}  // namespace

std::unique_ptr<InterruptibleRead> InterruptibleRead::make(int descriptor) {
  process::FileDescriptor blocking = process::open_anew(descriptor, O_RDONLY);
  process::FileDescriptor reserve = take_reserve();
  Token token{};
  if (!blocking || !reserve || !process::open_anew(descriptor, to_write) ||
      getrandom(token.data(), token.size(), 0) != static_cast<ssize_t>(token.size())) {
    return nullptr;
  }
  return std::unique_ptr<InterruptibleRead>{
      new InterruptibleRead{descriptor, std::move(blocking), std::move(reserve), token}};
}

InterruptibleRead::InterruptibleRead(int descriptor, process::FileDescriptor blocking,
                                     process::FileDescriptor reserve, const Token& token)
    : descriptor_(descriptor),
      blocking_(std::move(blocking)),
      reserve_(std::move(reserve)),
      token_(token) {}

long InterruptibleRead::read(std::span<char> space) {
  ORDEAL_ASSERT(kept_.empty(), "what was read before comes first");
  // Before the reasons are looked at, as end() notes its reason before it looks who sleeps: one of
  // the two sees the other.
  reader_.store(Reader::asleep);
  const long count =
      reasons_.load() == 0 ? process::read_pipe(blocking_.get(), space) : long{-EAGAIN};
  return was_told() ? without_token(space, count) : count;
}

// From here on nobody writes a token.
bool InterruptibleRead::was_told() {
  while (true) {
    Reader expected = Reader::asleep;
    if (reader_.compare_exchange_strong(expected, Reader::awake)) return false;
    if (expected == Reader::told) {
      reader_.store(Reader::awake);
      return true;
    }
    sched_yield();  // three system calls of somebody else's
  }
}

// Most often there is nothing but the token.
long InterruptibleRead::without_token(std::span<char> space, long count) {
  const std::span<char> read = space.first(static_cast<std::size_t>(std::max(count, 0L)));
  const auto found = std::search(read.begin(), read.end(), token_.begin(), token_.end());
  if (found == read.end()) return find_behind(read, count);
  std::copy(found + token_.size(), read.end(), found);
  const long left = count - static_cast<long>(token_.size());
  return left > 0 ? left : -EAGAIN;
}

// The read ended by itself before the token was written, or in the middle of it.
long InterruptibleRead::find_behind(std::span<char> read, long count) {
  const std::span<char> tail = read.last(std::min(read.size(), token_.size() - 1));
  kept_.assign(tail.begin(), tail.end());
  std::size_t found = std::string::npos;
  while (found == std::string::npos) {
    const std::size_t before = kept_.size();
    kept_.resize(before + chunk_bytes);
    const long more = process::read_pipe(descriptor_, std::span{kept_}.subspan(before));
    kept_.resize(before + static_cast<std::size_t>(std::max(more, 0L)));
    if (more <= 0) break;  // somebody has read it who should not: its worker
    found = kept_.find(token_.data(), before < token_.size() ? 0 : before - token_.size(),
                       token_.size());
  }
  if (found != std::string::npos) kept_.erase(found, token_.size());
  const std::size_t of_tail = std::min(found, tail.size());  // the rest of it was the token's
  kept_.erase(0, of_tail);
  const long left = count - static_cast<long>(tail.size() - of_tail);
  return left == 0 && count > 0 ? -EAGAIN : left;
}

bool InterruptibleRead::end(Reason reason) {
  reasons_.fetch_or(reason);
  Reader expected = Reader::asleep;
  if (!reader_.compare_exchange_strong(expected, Reader::being_told)) return true;
  const Told told = write_token();
  reader_.store(told == Told::yes ? Reader::told : Reader::asleep);
  return told != Told::no;
}

InterruptibleRead::Told InterruptibleRead::write_token() {
  process::FileDescriptor write_end = open_write_end();
  if (!write_end) return Told::no;
  const long count = process::write_pipe(write_end.get(), {token_.data(), token_.size()});
  write_end.reset();
  if (!reserve_) reserve_ = take_reserve();
  if (count == static_cast<long>(token_.size())) return Told::yes;
  return count == -EAGAIN ? Told::needs_no_token : Told::no;
}

process::FileDescriptor InterruptibleRead::open_write_end() {
  process::FileDescriptor write_end = process::open_anew(descriptor_, to_write);
  if (write_end || (errno != EMFILE && errno != ENFILE)) return write_end;
  reserve_.reset();
  return process::open_anew(descriptor_, to_write);
}

}  // namespace ordeal::pool::runtime

#include "perf/bench/shared_pipes.hpp"

#include "pool/runtime/clock.hpp"

namespace ordeal::perf {

// On its caller's stack until it has a pipe.
struct SharedPipes::Waiter {
  RawPipe* granted = nullptr;
  pool::runtime::WakeWord word;
};

SharedPipes::SharedPipes(std::vector<RawPipe>& pipes) {
  for (RawPipe& pipe : pipes) free_.push_back(&pipe);
}

RawPipe* SharedPipes::take() {
  Waiter me;
  const std::uint32_t ticket = me.word.ticket();
  {
    const std::lock_guard lock{mutex_};
    if (!free_.empty()) {
      RawPipe* const pipe = free_.back();
      free_.pop_back();
      return pipe;
    }
    waiting_.push_back(&me);
  }
  while (me.word.ticket() == ticket) me.word.wait_until(pool::core::never, ticket);
  return me.granted;
}

void SharedPipes::give_back(RawPipe* pipe) {
  const std::lock_guard lock{mutex_};
  if (waiting_.empty()) {
    free_.push_back(pipe);
    return;
  }
  Waiter& next = *waiting_.front();
  waiting_.pop_front();
  next.granted = pipe;
  next.word.notify();  // the last that is done with it
}

pool::Result<std::size_t> SharedPipes::call(std::string_view command, std::string_view args) {
  RawPipe* const pipe = take();
  auto size = pipe->call(command, args);
  give_back(pipe);
  return size;
}

}  // namespace ordeal::perf

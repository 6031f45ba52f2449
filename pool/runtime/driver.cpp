#include "pool/runtime/driver.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "pool/core/assert.hpp"
#include "pool/process/file_descriptor.hpp"
#include "pool/process/pipe_io.hpp"
#include "pool/runtime/timestamp.hpp"
#include "pool/wire/envelope.hpp"

namespace ordeal::pool::runtime {
namespace {

// Looking costs a system call, so a worker in steady use is not looked at: what it wrote unasked
// would have been read behind its last reply.
constexpr Duration idle_look_after = std::chrono::milliseconds{1};

std::int64_t milliseconds_left(Instant deadline, Instant at) {
  return std::chrono::floor<std::chrono::milliseconds>(deadline - at).count();
}

void encode(WorkerRecord& worker, const RequestView& request, std::uint64_t id, Instant at) {
  wire::Context context;
  wire::Request encoded{.id = id,
                        .command = request.command,
                        .args = request.arguments,
                        .timestamp = wall_timestamp(at),
                        .args_trusted = true,
                        .texts_trusted = true};
  const wire::Capabilities& agreed = worker.negotiated.agreed;
  if (agreed.has(wire::Capability::context)) {
    if (request.deadline != core::never) {
      context.deadline_ms = std::max<std::int64_t>(milliseconds_left(request.deadline, at), 0);
    }
    context.attempt = request.attempt;
    context.label = request.label;
    context.traceparent = request.traceparent;
    if (agreed.has(wire::Capability::session)) context.session = request.session;
    encoded.context = &context;
  }
  if (request.adds_session && context.session.empty()) encoded.args_session = request.session;
  // Checked by the caller before it submitted, with room for the longest id: this cannot fail.
  const auto done = wire::encode_request(worker.request_frame, encoded, worker.frame_bytes_max);
  ORDEAL_ASSERT(done.has_value(), "a request that was checked can be encoded");
}

void look_before_writing(WorkerRecord& worker) {
  const std::span<char> space = worker.channel.read_space();
  const long count = worker.waiter->read_now(space);
  if (count > 0) {
    worker.channel.on_idle_read(static_cast<std::size_t>(count));
  } else if (!process::is_passing(count)) {
    worker.channel.on_end_of_file();
  }
}

// A long frame goes through a pipe a pipeful at a time, and for each the other end is woken. So the
// first one makes the pipe as large as anybody may have it; if that is refused, it stays as it is.
constexpr std::size_t pipe_bytes_default = 64 * 1024;
constexpr int wide_pipe_bytes = 1024 * 1024;  // /proc/sys/fs/pipe-max-size, unless changed

void widen(int descriptor, bool& is_wide) {
  if (std::exchange(is_wide, true)) return;
  (void)fcntl(descriptor, F_SETPIPE_SZ, wide_pipe_bytes);
}

// Only the driver counts; others read.
void count_served(WorkerRecord& worker) {
  worker.served.store(worker.served.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Returns false if there is nothing to read now, or nothing will ever come.
bool accept_read(WorkerRecord& worker, long count, std::size_t space_bytes) {
  worker.waiter->note_read(count, space_bytes);
  if (count >= static_cast<long>(pipe_bytes_default)) {
    widen(worker.reply_descriptor(), worker.wide_reply_pipe);
  }
  if (count > 0) {
    worker.channel.on_read(static_cast<std::size_t>(count));
    return true;
  }
  if (!process::is_passing(count)) worker.channel.on_end_of_file();
  return false;
}

// Waits for the reply, or for room in the request pipe while there is more to write. `at` is a
// recent time, and is brought up to date if the time has to be asked for.
void wait_and_read(WorkerRecord& worker, Instant& at, Instant deadline) {
  if (worker.channel.unwritten().empty()) {
    const std::span<char> space = worker.channel.read_space();
    accept_read(worker, worker.waiter->sleep_and_read(space, at, deadline), space.size());
  } else {
    std::array<pollfd, 3> waited{{
        {.fd = worker.reply_descriptor(), .events = POLLIN, .revents = 0},
        {.fd = worker.waiter->interrupt_descriptor(), .events = POLLIN, .revents = 0},
        {.fd = worker.request_descriptor(), .events = POLLOUT, .revents = 0},
    }};
    poll_until(waited, deadline);
    if (waited[0].revents != 0) read_some(worker);
  }
  if (worker.channel.result()) return;
  // Also when bytes keep trickling in: the deadline is the deadline.
  at = now();
  if (at >= deadline) worker.channel.on_deadline();
}

// If all that this exchange has written still lies in the pipe of a worker that is dead, the worker
// never saw it: it did not happen. (Its group was killed before its death was told.)
bool take_back_request(const WorkerRecord& worker) {
  const int kept = worker.process->pipes().unread_requests.get();
  if (kept < 0) return false;
  // Opened anew, to read without waiting and without changing the mode of the worker's own end.
  const process::FileDescriptor reader = process::open_anew(kept, O_RDONLY | O_NONBLOCK);
  if (!reader) return false;
  std::array<char, 16 * 1024> discarded;
  std::uint64_t unread = 0;
  for (ssize_t count = 1; count > 0;) {
    count = ::read(reader.get(), discarded.data(), discarded.size());
    if (count > 0) unread += static_cast<std::uint64_t>(count);
  }
  return unread == worker.bytes_written.load(std::memory_order_relaxed);
}

// A lost worker's request may still lie in the pipe, whole: then nobody has seen it.
void await_death_news(WorkerRecord& worker, Instant deadline) {
  const Instant until = std::min(deadline, core::after(now(), death_news_max));
  while (!worker.is_told_gone()) {
    pollfd waited{.fd = worker.waiter->interrupt_descriptor(), .events = POLLIN, .revents = 0};
    const int ready = poll_until({&waited, 1}, until);
    if (ready == 0) return;
    if (!worker.is_told_gone()) return;  // cancelled: nobody waits for the news
  }
}

}  // namespace

void begin_exchange(WorkerRecord& worker, const RequestView& request, Instant at) {
  const std::uint64_t id = worker.next_wire_id++;
  encode(worker, request, id, at);
  worker.request_in_hand.store(id, std::memory_order_relaxed);
  worker.bytes_written.store(0, std::memory_order_relaxed);
  worker.channel.start(id, worker.request_frame, request.deadline);
  if (worker.request_frame.size() > pipe_bytes_default) {
    widen(worker.request_descriptor(), worker.wide_request_pipe);
  }
  if (!worker.channel.result() && at - worker.last_used_at >= idle_look_after) {
    look_before_writing(worker);
  }
}

bool write_some(WorkerRecord& worker) {
  const std::string_view bytes = worker.channel.unwritten();
  if (bytes.empty()) return true;
  const std::uint64_t before = worker.bytes_written.load(std::memory_order_relaxed);
  // Announced before it is done: the certificate must never say that nothing was in hand when
  // something was.
  worker.bytes_written.store(before + bytes.size(), std::memory_order_release);
  const long count = process::write_pipe(worker.request_descriptor(), bytes);
  const auto written = static_cast<std::size_t>(std::max(count, 0L));
  worker.bytes_written.store(before + written, std::memory_order_release);
  if (count > 0) {
    worker.channel.on_written(written);
  } else if (count < 0 && !process::is_passing(count)) {
    worker.channel.on_write_failed();
  }
  return written == bytes.size();
}

bool read_some(WorkerRecord& worker) {
  const std::span<char> space = worker.channel.read_space();
  return accept_read(worker, worker.waiter->read_now(space), space.size());
}

void heed_interrupts(WorkerRecord& worker) {
  const std::uint8_t flags = worker.interrupts.load(std::memory_order_acquire);
  if ((flags & interrupt_worker_gone) != 0) {
    // Its last words may be the reply.
    while (!worker.channel.result() && read_some(worker)) {
    }
    if (!worker.channel.result()) worker.channel.on_worker_gone();
  } else if ((flags & interrupt_cancelled) != 0) {
    worker.channel.on_cancel();
  }
}

ExchangeOutcome take_outcome(WorkerRecord& worker, Instant at) {
  const wire::ExchangeResult& result = *worker.channel.result();
  ExchangeOutcome outcome;
  outcome.verdict = result.verdict;
  outcome.progress = result.progress;
  outcome.ended_at = at;
  switch (result.verdict) {
    case core::ExchangeVerdict::replied:
      outcome.code = result.code;
      outcome.result_text.assign(result.reply);
      count_served(worker);
      break;
    case core::ExchangeVerdict::application_error:
      outcome.code = result.code;
      outcome.application = std::make_shared<ApplicationError>(*result.application);
      count_served(worker);
      break;
    case core::ExchangeVerdict::violated:
      outcome.code = result.code;
      break;
    case core::ExchangeVerdict::lost:
      outcome.code = result.code;
      if (worker.is_told_gone() && outcome.progress != core::WireProgress::untouched &&
          take_back_request(worker)) {
        outcome.progress = core::WireProgress::untouched;
      }
      break;
    case core::ExchangeVerdict::timed_out:
    case core::ExchangeVerdict::cancelled:
      break;
  }
  if (result.code != ErrorCode::none) {
    outcome.message = result.message;
    outcome.excerpt = result.excerpt;
  }
  worker.last_used_at = at;
  // Otherwise it stays in hand for the certificate, until its late reply has been drained.
  const bool answered = result.verdict == core::ExchangeVerdict::replied ||
                        result.verdict == core::ExchangeVerdict::application_error;
  if (answered) {
    worker.request_in_hand.store(0, std::memory_order_relaxed);
    worker.bytes_written.store(0, std::memory_order_release);
  }
  worker.channel.release();
  return outcome;
}

ExchangeOutcome drive_blocking(WorkerRecord& worker, Spinner& spinner, Instant at) {
  wire::Channel& channel = worker.channel;
  const Instant deadline = channel.deadline();
  Instant recently = at;
  bool may_spin = spinner.pays(worker.service_estimate, at);
  while (!channel.result()) {
    if (worker.interrupts.load(std::memory_order_acquire) != 0) {
      heed_interrupts(worker);
      if (channel.result()) break;
    }
    const bool written = write_some(worker);
    if (written && std::exchange(may_spin, false) && !worker.waiter->holds_bytes()) {
      const std::span<char> space = channel.read_space();
      const long count =
          spinner.read(worker.reply_descriptor(), space, worker.interrupts, deadline);
      if (accept_read(worker, count, space.size())) continue;
    }
    if (!channel.result()) wait_and_read(worker, recently, deadline);
  }
  if (channel.result()->verdict == core::ExchangeVerdict::lost &&
      channel.result()->progress != core::WireProgress::untouched) {
    await_death_news(worker, deadline);
  }
  const Instant ended_at = now();
  if (channel.result()->is_clean()) {
    worker.service_estimate = Spinner::estimate(worker.service_estimate, ended_at - at);
    spinner.note_service(worker.service_estimate);
  }
  return take_outcome(worker, ended_at);
}

}  // namespace ordeal::pool::runtime

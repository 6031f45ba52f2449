// Ends of workers: asked, killed, or found dead; and the warden's own.
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

#include "pool/process/certificate.hpp"
#include "pool/process/stack_dump.hpp"
#include "pool/runtime/driver.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/names.hpp"
#include "pool/runtime/timestamp.hpp"
#include "pool/runtime/watch.hpp"
#include "pool/wire/envelope.hpp"

namespace ordeal::pool::runtime {
namespace {

// How much of what was written lies unread in the request pipe. Only looked at here: taking it back
// is the driver's, who alone knows what it has written.
std::uint64_t unread_bytes(const WorkerRecord& worker) {
  int unread = 0;
  const int kept = worker.process->pipes().unread_requests.get();
  if (kept < 0 || ioctl(kept, FIONREAD, &unread) != 0) return 0;
  return static_cast<std::uint64_t>(unread);
}

// The end of its stderr, but for the dump that the pool asked for: that would leave room for
// nothing else, and has a place of its own.
std::string last_words(const WorkerRecord& worker) {
  std::string words = worker.stderr_tail->text();
  if (!worker.stderr_before_dump) return words;
  const std::string_view dump = worker.stderr_tail->since(*worker.stderr_before_dump);
  if (std::string_view{words}.ends_with(dump)) {
    words.resize(words.size() - dump.size());
  } else if (dump.ends_with(words)) {
    words.clear();
  }
  return words;
}

std::string stack_dump(const WorkerRecord& worker) {
  if (!worker.stderr_before_dump) return {};
  return process::find_stacks(worker.stderr_tail->since(*worker.stderr_before_dump));
}

}  // namespace

void Housekeeper::kill(WorkerRecord& worker, const core::action::Kill& kill) {
  if (worker.exited) return;
  const int signal = kill.signal == core::KillSignal::terminate ? SIGTERM : SIGKILL;
  if (worker.process->signal_group(signal) == process::SignalOutcome::sent) {
    worker.kill_reason = core::sentence_of(kill.reason);
  }
  if (kill.reason == core::KillReason::unwanted) worker.start_failure_noted = true;  // it is none
}

void Housekeeper::ask_to_stop(WorkerRecord& worker) {
  if (worker.exited) return;
  std::string frame;
  if (wire::encode_shutdown(frame, worker.next_wire_id++, std::to_string(worker.id.serial),
                            wall_timestamp())) {
    (void)!::write(worker.request_descriptor(), frame.data(), frame.size());
  }
  // Both ends that the host has: only then does the worker see the end of file.
  worker.process->pipes().to_worker.reset();
  worker.process->pipes().unread_requests.reset();
}

void Housekeeper::bury(WorkerRecord& worker) {
  if (worker.exited) return;
  // Before reaping, while the group is certainly the worker's: nobody must read on in its pipe,
  // since its driver may take the request back.
  worker.process->kill_group_remains();
  const auto status = worker.process->try_reap();
  if (!status) return;
  worker.exited = true;
  stop_watching(worker.process->pidfd());
  drain_stderr(*worker.stderr_tail, *worker.process);
  drain_progress(worker);
  end_stack_ask(worker);
  (void)warden_->unregister_group(worker.process->group());

  const std::uint64_t written = worker.bytes_written.load(std::memory_order_acquire);
  const bool in_hand = written > 0 && unread_bytes(worker) != written;
  auto certificate = std::make_shared<const DeathCertificate>(process::make_certificate(
      *status,
      {.worker = worker.id.serial,
       .pid = worker.pid,
       .age = std::chrono::duration_cast<std::chrono::milliseconds>(now() - worker.spawned_at),
       .served = worker.served,
       .request_in_hand = in_hand ? worker.request_in_hand.load() : 0,
       .before_ready = !worker.ready,
       .kill_reason = worker.kill_reason,
       .retired_for = worker.retired_for,
       .stderr_tail = last_words(worker),
       .stack_dump = stack_dump(worker)},
      &oom_counter_, std::chrono::steady_clock::now()));
  engine_.note_certificate(worker, certificate);

  if (!worker.ready && !worker.start_failure_noted) {
    const bool overdue = !worker.kill_reason.empty();
    Error error = make_error(overdue ? ErrorCode::start_timeout : ErrorCode::start_exited,
                             fmt::format("worker {} did not become ready: {}", worker.id.serial,
                                         certificate->summary()));
    error.worker = worker.id.serial;
    error.certificate = certificate;
    engine_.note_start_failure(std::move(error));
  }
  worker.lost_deadline = core::never;
  if (worker.purpose == Purpose::handshake || worker.purpose == Purpose::start_call ||
      worker.purpose == Purpose::drain || worker.purpose == Purpose::ping) {
    watch_channel(worker, false, false);
    worker.purpose = Purpose::none;
  }
  const bool by_outsider = certificate->term_signal == SIGKILL && !certificate->killed_by_pool &&
                           certificate->out_of_memory != OutOfMemory::possible;
  const bool was_ready = worker.ready;
  engine_.feed(core::event::WorkerExited{.worker = worker.id, .by_outsider = by_outsider});
  if (!was_ready) replenish_spares();
  // An asynchronous call on it ends by the core's Interrupt, like every other driver's.
}

void Housekeeper::drain_stderr(process::StderrTail& tail, process::WorkerProcess& process) {
  process::FileDescriptor& pipe = process.pipes().standard_error;
  if (!pipe) return;
  if (tail.drain(pipe.get(), process::StderrTail::default_budget_bytes) ==
      process::DrainOutcome::closed) {
    stop_watching(pipe.get());
    pipe.reset();
  }
}

// What a pipe holds at most (64 KiB by default), so that a look misses nothing, and a worker that
// writes all the time holds up nobody.
void Housekeeper::drain_progress(WorkerRecord& worker) {
  constexpr std::size_t line_bytes_max = 4096;
  constexpr int reads_max = 16;
  process::FileDescriptor& pipe = worker.process->pipes().progress;
  std::array<char, line_bytes_max> chunk;
  for (int i = 0; i < reads_max && pipe; ++i) {
    const ssize_t count = ::read(pipe.get(), chunk.data(), chunk.size());
    if (count <= 0) {
      if (count == 0) {
        stop_watching(pipe.get());
        pipe.reset();
      }
      return;
    }
    worker.progress_line.append(chunk.data(), static_cast<std::size_t>(count));
    hear_progress(worker);
    if (worker.progress_line.size() > line_bytes_max) worker.progress_line.clear();
  }
}

// The whole lines that have come; of reports the last one is kept.
void Housekeeper::hear_progress(WorkerRecord& worker) {
  constexpr std::string_view beat = R"({"beat")";
  std::string_view text = worker.progress_line;
  std::string_view report;
  while (true) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.starts_with(beat)) {
      ++worker.beats;
    } else {
      ++worker.reports;
      report = line;
    }
  }
  if (!report.empty()) engine_.note_progress(worker, std::string{report});
  worker.progress_line.erase(0, worker.progress_line.size() - text.size());
}

// A dead warden is replaced, and its successor told of every live group, before another worker
// starts.
bool Housekeeper::ensure_warden() {
  if (!is_readable_now(warden_->pidfd())) return true;
  stop_watching(warden_->pidfd());
  if (!warden_->restart(live_groups())) return false;
  warden_pid_ = warden_->pid();
  PoolEvent restarted;
  restarted.what = event_names::warden_restarted;
  restarted.at = std::chrono::steady_clock::now();
  restarted.count = static_cast<std::uint32_t>(warden_restarts_.fetch_add(1) + 1);
  engine_.tell(std::move(restarted));
  watch(epoll_.get(), warden_->pidfd(), EPOLLIN, {WatchKind::warden, {}});
  return true;
}

std::vector<process::LiveGroup> Housekeeper::live_groups() {
  std::vector<process::LiveGroup> groups;
  const auto add = [&groups](const process::WorkerProcess& process) {
    groups.push_back({process.group(), process.pidfd()});
  };
  for (const WorkerRecord* worker : live_) {
    if (!worker->exited) add(*worker->process);
  }
  for (const process::WorkerProcess& spare : template_.spares) add(spare);
  if (template_.process) add(template_.process->process());
  return groups;
}

}  // namespace ordeal::pool::runtime

// The runtime's half of a worker: its process, its channel, and who may touch them.
//
// Who touches what:
//   - process, stderr, purpose: the housekeeper alone.
//   - channel, request_frame, next_wire_id, wide pipes, service_estimate: the driver of the
//   worker's slot: the
//     blocking caller it is granted to, else the housekeeper. Hand-over goes through the engine's
//     lock (Grant, ExchangeEnded), so there is never more than one.
//   - flags and the atomics: anybody.
//   - certificate, last_progress: under the engine's lock.
// Freed by the housekeeper on the core's Forget, which comes only when no driver holds it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "pool/core/ids.hpp"
#include "pool/process/stderr_tail.hpp"
#include "pool/process/worker_process.hpp"
#include "pool/runtime/clock.hpp"
#include "pool/runtime/reply_waiter.hpp"
#include "pool/runtime/ticket_table.hpp"
#include "pool/wire/exchange.hpp"

namespace ordeal::pool::runtime {

// Why the current driver should look up from its pipe. Bits.
enum InterruptFlag : std::uint8_t {
  interrupt_cancelled = 1,
  interrupt_worker_gone = 2,
};

// What the housekeeper is reading this worker's reply pipe for.
enum class Purpose : std::uint8_t {
  none,
  handshake,
  start_call,
  async_call,
  drain,
  ping  // of its health
};

struct WorkerRecord {
  WorkerRecord(core::WorkerId worker, std::uint32_t frame_max)
      : id(worker), frame_bytes_max(frame_max), channel(frame_max) {}

  const core::WorkerId id;
  const std::uint32_t frame_bytes_max;
  std::optional<process::WorkerProcess> process;
  std::uint64_t generation = 1;
  Instant spawned_at{};
  int pid = 0;  // set once, before the record is visible to others

  wire::Channel channel;
  std::string request_frame;  // reused for each request
  std::uint64_t next_wire_id = 1;
  bool wide_request_pipe = false;  // long frames have been seen: see widen() in driver.cpp
  bool wide_reply_pipe = false;
  wire::Handshake negotiated;
  Instant last_used_at{};
  Duration service_estimate{};  // moving average of short calls; see spin.hpp

  void clear_interrupts();
  [[nodiscard]] bool is_told_gone() const {
    return (interrupts.load(std::memory_order_acquire) & interrupt_worker_gone) != 0;
  }
  [[nodiscard]] int request_descriptor() const { return process->pipes().to_worker.get(); }
  [[nodiscard]] int reply_descriptor() const { return process->pipes().from_worker.get(); }
  // interrupt() under the engine's lock, while a driver holds the worker. Set with `process`.
  std::optional<ReplyWaiter> waiter;
  std::atomic<std::uint8_t> interrupts{0};
  // For the certificate: what the driver has in hand, and has handed to the pipe of it.
  std::atomic<std::uint64_t> request_in_hand{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> served{0};

  Purpose purpose = Purpose::none;
  std::size_t start_calls_done = 0;  // of its program's
  TicketSlot* async_slot = nullptr;  // purpose async_call
  // After an end of file: until then the news of its death are awaited (driver.hpp).
  Instant lost_deadline = core::never;
  bool waited_for_news = false;
  bool watching_reply = false;
  bool watching_request = false;
  bool exited = false;
  bool ready = false;
  bool start_failure_noted = false;
  std::optional<process::StderrTail> stderr_tail;
  // Its stacks were asked for, and are waited for until then; what comes behind this on stderr may
  // be them.
  Instant stacks_due = core::never;
  std::uint64_t stderr_before_stacks = 0;
  // Before it is killed, likewise: for its certificate, and until then if the core waits for them.
  std::optional<std::uint64_t> stderr_before_dump;
  bool dumping = false;
  std::uint32_t reports = 0;  // of progress, since it was looked at
  std::uint32_t beats = 0;    // likewise
  std::string progress_line;  // the unfinished line of the side channel
  std::string kill_reason;    // empty: the pool has sent it no signal
  std::string retired_for;    // empty: nobody has asked it to go

  std::shared_ptr<const DeathCertificate> certificate;
  std::string last_progress;
};

}  // namespace ordeal::pool::runtime

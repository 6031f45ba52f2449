// The runtime's half of a ticket: what the core does not carry (label, waiting thread, callback).
//
// Invariants: slots are never freed while the engine lives, so a late wake-up of a slot is
// harmless; a slot belongs to one unresolved ticket, told apart from earlier owners by the serial.
// Guarded by the engine's lock, but for `wake`; what is written under the lock before notify() may
// be read by the owner after it has seen the wake-up.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/call.hpp"
#include "ordeal/pool/place.hpp"
#include "pool/core/ids.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {

struct WorkerRecord;
struct RequestView;
class AsyncCall;

struct TicketSlot {
  enum class Kind : std::uint8_t {
    blocking,
    async,
    lease
  };
  enum class Phase : std::uint8_t {
    free,
    waiting,
    granted,
    resolved
  };

  static constexpr std::size_t command_bytes_max = 64;

  WakeWord wake;
  core::TicketId id;
  Kind kind = Kind::blocking;
  std::atomic<Phase> phase{Phase::free};
  bool submitted = true;  // false: reserved, the core has not heard of it yet
  std::string command;    // for people: its first bytes
  std::string label;
  std::string traceparent;
  Instant submitted_at{};
  Instant granted_at{};
  WorkerRecord* worker = nullptr;  // while granted
  // kind blocking, while it waits: what to send. Whoever frees a worker for it may begin its
  // exchange before it wakes (WakeList::notify_all), and says so in `begun`.
  const RequestView* request = nullptr;
  bool begun = false;
  bool is_soon = false;  // kind blocking: when it was queued it was to be granted soon
  std::uint32_t attempt = 0;
  AffinityOutcome affinity = AffinityOutcome::none;  // of the last grant
  std::uint64_t state_in_worker = 0;
  // Once resolved:
  ErrorCode code = ErrorCode::none;
  std::uint64_t worker_serial = 0;
  std::uint32_t attempts = 0;
  bool maybe_ran = false;
  Duration retry_after{};
  std::shared_ptr<const DeathCertificate> certificate;
  // kind async: owned here until the callback has run.
  std::unique_ptr<AsyncCall> async;
  // kind lease: whether a call on it is using the worker right now.
  bool lease_in_call = false;
  Place place;  // that took it; without a file: not a caller's
};

// "file:line", or nothing if there is no place.
[[nodiscard]] std::string text_of(const Place& place);

class TicketTable {
 public:
  // Takes a free slot and gives it a new serial.
  TicketSlot& acquire(TicketSlot::Kind kind, std::string_view command, std::string_view label,
                      std::string_view traceparent);
  void release(TicketSlot& slot);
  // A new serial for a slot that was reserved earlier: serials are handed out in submit order.
  core::TicketId renew(TicketSlot& slot);
  // Whether any ticket so far had a label or a traceparent.
  [[nodiscard]] bool has_texts() const { return has_texts_; }
  [[nodiscard]] TicketSlot& at(core::TicketId id) { return slots_[id.index]; }
  // nullptr if that ticket has been released.
  [[nodiscard]] TicketSlot* find(core::TicketId id);
  [[nodiscard]] const TicketSlot* find(core::TicketId id) const {
    return const_cast<TicketTable*>(this)->find(id);
  }

 private:
  std::deque<TicketSlot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t last_serial_ = 0;
  bool has_texts_ = false;
};

}  // namespace ordeal::pool::runtime

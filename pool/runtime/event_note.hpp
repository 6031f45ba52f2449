// An event as it is noted where it happens, under the engine's lock: flat, and without a string of
// its own. The PoolEvent that sinks see is made of it on the callback thread: whoever calls pays
// for a cache line an event, not for five texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "ordeal/pool/events.hpp"
#include "pool/core/action.hpp"

namespace ordeal::pool::runtime {

template <typename State>
struct Step {
  State from{};
  State to{};
};

// Invariant: one cache line. A call notes five, in memory that the worker's run has pushed out of
// the caches.
struct EventNote {
  EventNote(const core::action::Emit& emit, core::Instant when, std::size_t texts_size)
      : at(when),
        request(emit.ticket.serial),
        worker(emit.worker.serial),
        duration(emit.duration),
        worker_before(emit.worker_before),
        texts_begin(texts_size),
        count(emit.count),
        what(emit.what),
        code(emit.code),
        maybe_ran(emit.maybe_ran),
        affinity(emit.affinity),
        stop(emit.stop),
        stuck(emit.stuck),
        outlier(emit.outlier),
        reason(emit.reason) {
    if (emit.circuit) {
      step = Step<CircuitState>{emit.circuit_from, emit.circuit_to};
    } else {
      step = Step<core::WorkerState>{emit.from, emit.to};
    }
  }

  core::Instant at;
  std::uint64_t request;  // serials; 0: none
  std::uint64_t worker;
  core::Duration duration;
  std::uint64_t worker_before;
  std::size_t texts_begin;  // in the batch's texts
  std::uint32_t count;
  core::Occurrence what;
  ErrorCode code;
  bool maybe_ran;
  AffinityOutcome affinity;
  core::RetryStop stop;
  core::Stuck stuck;
  core::OutlierReason outlier;
  core::TransitionReason reason;
  std::variant<Step<core::WorkerState>, Step<CircuitState>> step;
  std::uint8_t texts = 0;  // which there are: a bit each
};
static_assert(sizeof(EventNote) == 64);

// What outlives neither its session nor its ticket is copied into the batch's texts. A note has
// none of them twice, and gets them in this order.
enum class NoteText : std::uint8_t {
  session,
  breaker,
  command,
  place,
  label,
  traceparent
};

// Adds a text to the note whose texts are the last in `texts`; nothing if it is empty.
void put(EventNote& note, NoteText which, std::string_view text, std::string& texts);

// Makes `event` what the note says, whatever it was before. `texts`: of the note's batch.
void tell(PoolEvent& event, const EventNote& note, std::string_view texts);

}  // namespace ordeal::pool::runtime

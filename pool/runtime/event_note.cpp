#include "pool/runtime/event_note.hpp"

#include "pool/core/names.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {
namespace {

// Of the enumerators that are there, the last one: the core sets one at most.
std::string_view reason_of(const core::action::Emit& emit) {
  if (emit.affinity != AffinityOutcome::none) return core::name_of(emit.affinity);
  if (emit.stop != core::RetryStop::none) return core::name_of(emit.stop);
  if (emit.stuck != core::Stuck::no) return core::name_of(emit.stuck);
  if (emit.outlier != core::OutlierReason::none) return core::name_of(emit.outlier);
  if (emit.what == core::Occurrence::worker_transition ||
      emit.what == core::Occurrence::worker_retiring) {
    return core::to_string(emit.reason);
  }
  return {};
}

void tell_states(PoolEvent& event, const core::action::Emit& emit) {
  event.from = event.to = {};
  if (emit.what == core::Occurrence::worker_transition) {
    event.from = core::to_string(emit.from);
    event.to = core::to_string(emit.to);
  } else if (emit.circuit) {
    event.from = to_string(emit.circuit_from);
    event.to = to_string(emit.circuit_to);
  }
}

void tell_texts(PoolEvent& event, const EventNote& note, std::string_view texts) {
  texts.remove_prefix(note.texts_begin);
  const auto next = [&](std::string& into, std::uint32_t bytes) {
    into.assign(texts.substr(0, bytes));
    texts.remove_prefix(bytes);
  };
  next(event.session, note.session_bytes);
  next(event.breaker, note.breaker_bytes);
  next(event.command, note.command_bytes);
  next(event.place, note.place_bytes);
  next(event.label, note.label_bytes);
  next(event.traceparent, note.traceparent_bytes);
}

}  // namespace

void tell(PoolEvent& event, const EventNote& note, std::string_view texts) {
  const core::action::Emit& emit = note.emit;
  event.what = core::name_of(emit.what);
  event.at = to_steady(note.at);
  event.request = emit.ticket.serial;
  event.worker = emit.worker.serial;
  event.code = emit.code;
  event.maybe_ran = emit.maybe_ran;
  event.reason = reason_of(emit);
  event.worker_before = emit.worker_before;
  event.count = emit.count;
  event.duration = emit.duration;
  tell_states(event, emit);
  tell_texts(event, note, texts);
  event.arguments.clear();
  event.answer.clear();
}

}  // namespace ordeal::pool::runtime

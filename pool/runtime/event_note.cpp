#include "pool/runtime/event_note.hpp"

#include <cstring>

#include "pool/core/names.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {
namespace {

constexpr std::uint8_t bit_of(NoteText which) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(which));
}

// In front of each text in a batch's texts.
using TextBytes = std::uint32_t;

// Of the enumerators that are there, the last one: the core sets one at most.
std::string_view reason_of(const EventNote& note) {
  if (note.affinity != AffinityOutcome::none) return core::name_of(note.affinity);
  if (note.stop != core::RetryStop::none) return core::name_of(note.stop);
  if (note.stuck != core::Stuck::no) return core::name_of(note.stuck);
  if (note.outlier != core::OutlierReason::none) return core::name_of(note.outlier);
  if (note.what == core::Occurrence::worker_transition ||
      note.what == core::Occurrence::worker_retiring) {
    return core::to_string(note.reason);
  }
  return {};
}

void tell_step(PoolEvent& event, const EventNote& note) {
  event.from = event.to = {};
  if (const auto* circuit = std::get_if<Step<CircuitState>>(&note.step)) {
    event.from = to_string(circuit->from);
    event.to = to_string(circuit->to);
  } else if (note.what == core::Occurrence::worker_transition) {
    const auto& worker = std::get<Step<core::WorkerState>>(note.step);
    event.from = core::to_string(worker.from);
    event.to = core::to_string(worker.to);
  }
}

void tell_texts(PoolEvent& event, const EventNote& note, std::string_view texts) {
  texts.remove_prefix(note.texts_begin);
  const auto next = [&](std::string& into, NoteText which) {
    into.clear();
    if ((note.texts & bit_of(which)) == 0) return;
    TextBytes bytes = 0;
    std::memcpy(&bytes, texts.data(), sizeof bytes);
    into.assign(texts.substr(sizeof bytes, bytes));
    texts.remove_prefix(sizeof bytes + bytes);
  };
  next(event.session, NoteText::session);
  next(event.breaker, NoteText::breaker);
  next(event.command, NoteText::command);
  next(event.place, NoteText::place);
  next(event.label, NoteText::label);
  next(event.traceparent, NoteText::traceparent);
}

}  // namespace

void put(EventNote& note, NoteText which, std::string_view text, std::string& texts) {
  if (text.empty()) return;
  const auto bytes = static_cast<TextBytes>(text.size());
  const std::size_t begin = texts.size();
  texts.resize(begin + sizeof bytes + bytes);
  std::memcpy(&texts[begin], &bytes, sizeof bytes);
  std::memcpy(&texts[begin + sizeof bytes], text.data(), bytes);
  note.texts |= bit_of(which);
}

void tell(PoolEvent& event, const EventNote& note, std::string_view texts) {
  event.what = core::name_of(note.what);
  event.at = to_steady(note.at);
  event.request = note.request;
  event.worker = note.worker;
  event.code = note.code;
  event.maybe_ran = note.maybe_ran;
  event.reason = reason_of(note);
  event.worker_before = note.worker_before;
  event.count = note.count;
  event.duration = note.duration;
  tell_step(event, note);
  tell_texts(event, note, texts);
  event.arguments.clear();
  event.answer.clear();
}

}  // namespace ordeal::pool::runtime

#include "pool/runtime/ticket_table.hpp"

#include "pool/runtime/async_call.hpp"

namespace ordeal::pool::runtime {

std::string text_of(const Place& place) {
  if (place.line == 0) return {};
  return std::string{place.file} + ":" + std::to_string(place.line);
}

TicketSlot& TicketTable::acquire(TicketSlot::Kind kind, std::string_view command,
                                 std::string_view label, std::string_view traceparent) {
  if (free_.empty()) {
    const auto index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back().id.index = index;
    free_.push_back(index);
    free_.reserve(slots_.size());
  }
  TicketSlot& slot = slots_[free_.back()];
  free_.pop_back();
  slot.id.serial = ++last_serial_;
  slot.kind = kind;
  slot.phase = TicketSlot::Phase::waiting;
  // A slot mostly meets the same command again.
  command = command.substr(0, TicketSlot::command_bytes_max);
  if (slot.command != command) slot.command.assign(command);
  // Most calls have neither: then there is nothing to copy, and nothing to forget.
  if (label.size() + slot.label.size() > 0) slot.label.assign(label);
  if (traceparent.size() + slot.traceparent.size() > 0) slot.traceparent.assign(traceparent);
  has_texts_ = has_texts_ || label.size() + traceparent.size() > 0;
  slot.worker = nullptr;
  slot.begun = false;
  slot.attempt = 0;
  slot.code = ErrorCode::none;
  slot.worker_serial = 0;
  slot.attempts = 0;
  slot.maybe_ran = false;
  slot.retry_after = {};
  slot.lease_in_call = false;
  slot.submitted = true;
  return slot;
}

void TicketTable::release(TicketSlot& slot) {
  slot.phase = TicketSlot::Phase::free;
  slot.request = nullptr;
  if (slot.certificate) slot.certificate.reset();
  if (slot.async) slot.async.reset();
  free_.push_back(slot.id.index);
}

core::TicketId TicketTable::renew(TicketSlot& slot) {
  slot.id.serial = ++last_serial_;
  return slot.id;
}

TicketSlot* TicketTable::find(core::TicketId id) {
  if (id.index >= slots_.size()) return nullptr;
  TicketSlot& slot = slots_[id.index];
  return slot.phase != TicketSlot::Phase::free && slot.id == id ? &slot : nullptr;
}

}  // namespace ordeal::pool::runtime

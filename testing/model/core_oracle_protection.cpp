// The oracle's part on overload: who may be turned away as late, or be shed; leases held for long.
#include <algorithm>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;

void CoreOracle::note_held(Instant since) {
  const Duration held = now_ - since;
  held_for_ = held_for_ ? *held_for_ + (held - *held_for_) / 8 : held;
}

// Of the workers that may serve it; of a strict session that has one, of that.
std::size_t CoreOracle::slots_for(const Ticket& ticket) const {
  std::size_t slots = 0;
  const bool strict =
      ticket.affinity == pool::AffinityPolicy::strict || ticket.state_in_worker != 0;
  const WorkerId bound = ticket.session == no_session ? WorkerId{} : bound_to(ticket);
  for (const Worker& worker : workers_) {
    if (!worker.id || !worker.serving || worker.withdrawn || worker.unhealthy) continue;
    if (worker.ejected) continue;
    if (strict && bound && worker.id != bound) continue;
    slots += worker.slots.size();
  }
  return slots;
}

// By all who wait: some of those may wait for another worker.
bool CoreOracle::would_be_late(const Ticket& ticket, std::size_t slots) const {
  const std::size_t ahead = waiting_.size() - 1;
  if (!held_for_ || ahead == 0 || slots == 0 || ticket.deadline == never) return false;
  const auto turns = static_cast<std::int64_t>(ahead + 1);
  return *held_for_ * turns / static_cast<std::int64_t>(slots) + *held_for_ >
         ticket.deadline - now_;
}

void CoreOracle::check_late(const Ticket& ticket) {
  expect(options_.reject_late, "deadline_unreachable, and nobody asked for it", ticket.id.serial);
  expect(just_submitted_ == ticket.id.serial, "deadline_unreachable after it was let in",
         ticket.id.serial);
  expect(admission_ != Admission::paused, "deadline_unreachable while the pool is paused",
         ticket.id.serial);
  // A strict session's worker that is unhealthy has its slots still.
  const std::size_t slots = std::max<std::size_t>(slots_for(ticket), 1);
  expect(would_be_late(ticket, slots), "deadline_unreachable, and the answer may come in time",
         ticket.id.serial);
}

// Somebody that has not had a worker comes to its turn.
void CoreOracle::note_turn(const Ticket& ticket) {
  if (options_.shed_target == Duration::zero()) return;
  std::erase_if(turns_, [this](const Turn& t) { return t.at + options_.shed_interval < now_; });
  turns_.push_back({now_, now_ - ticket.waits_since, ticket.session != no_session});
}

void CoreOracle::check_shed(const Ticket& ticket) {
  const std::uint64_t serial = ticket.id.serial;
  expect(options_.shed_target > Duration::zero(), "request_shed, and nobody asked for it", serial);
  expect(ticket.attempts == 0, "request_shed, and it had a worker", serial);
  expect(now_ - ticket.waits_since > 2 * options_.shed_target,
         "(B5 21) request_shed, and it has not waited for long", serial);
  note_turn(ticket);
  // Whom its breaker refused at its turn came to it, too; but not each that it refused did.
  std::erase_if(refused_at_, [this](Instant at) { return at + options_.shed_interval < now_; });
  expect(turns_.size() + refused_at_.size() > 1, "(B5 21) the only one of an interval is shed",
         serial);
  // Who waited for its session's worker says nothing about the queue.
  expect(std::none_of(
             turns_.begin(), turns_.end(),
             [this](const Turn& t) { return !t.in_session && t.waited <= options_.shed_target; }),
         "(B5 21) request_shed, and somebody has just waited for little", serial);
}

void CoreOracle::after_protection(const Core& core) {
  if (const auto own = waiting_.find(just_submitted_);
      own != waiting_.end() && options_.reject_late && sessions_.empty() && !stopping_ &&
      !options_.outliers.on() && admission_ == Admission::open) {
    const Ticket& ticket = tickets_[own->second];
    // A worker whose time was over at that very instant is lost before the newcomer is looked at.
    expect(!would_be_late(ticket, std::min(slots_at_submit_, slots_for(ticket))),
           "a request waits that cannot be answered in time", own->first);
  }
  expect(!options_.limit.on() || waiting_.find(just_submitted_) == waiting_.end() ||
             waiting_.size() + running_ <= options_.limit.max,
         "(B5 22) a request is let in beyond limit.max", just_submitted_);
  if (options_.lease_limit == Duration::zero()) return;
  for (Ticket& ticket : tickets_) {
    if (ticket.stage != Stage::running || !ticket.lease || ticket.overdue) continue;
    ticket.overdue = now_ - ticket.taken_at >= options_.lease_limit;
    if (ticket.overdue) ++counters_.leases_overdue;
  }
  expect(core.counters().leases_overdue == counters_.leases_overdue,
         "each lease that is held for too long is counted once");
}

// (B5 22) What may be in the pool at once, from what is shown of it: it holds for newcomers, does
// not grow unused, and falls if nothing but deadlines is missed.
void CoreOracle::look_at_limit(const Core& core) {
  if (!options_.limit.on() || stopping_) return;
  const std::uint32_t limit = core.operations().limit;
  expect(limit >= options_.limit.min && limit <= std::max(options_.limit.min, options_.limit.max),
         "(B5 22) the limit is out of its bounds", limit);
  inside_max_ = std::max({inside_max_, inside_at_submit_ + 1, waiting_.size() + running_});
  if (limit_shown_) {
    const Ticket* newcomer = nullptr;
    for (const Ticket& ticket : tickets_) {
      const bool is_in = ticket.stage == Stage::waiting || ticket.stage == Stage::running;
      if (is_in && ticket.id.serial == just_submitted_) newcomer = &ticket;
    }
    expect(newcomer == nullptr || inside_at_submit_ < *limit_shown_,
           "(B5 22) a request is let in beyond the limit", just_submitted_);
    expect(limit <= *limit_shown_ || 2 * inside_max_ >= *limit_shown_,
           "(B5 22) the limit grows though less than half of it is used", limit);
    // From 2.99 to less than 2 a tenth less is to be had four times.
    const std::uint64_t windows = 6 * std::max<std::uint64_t>(10, std::uint64_t{2} * limit);
    expect(limit_answers_ > 0 || limit_misses_ < windows || limit == options_.limit.min ||
               limit != *limit_shown_,
           "(B5 22) nothing but deadlines is missed, and the limit does not fall", limit);
  }
  if (limit_shown_ == limit) return;
  limit_shown_ = limit;
  inside_max_ = limit_answers_ = limit_misses_ = 0;
}

}  // namespace ordeal::trial

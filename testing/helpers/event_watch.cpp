#include "testing/helpers/event_watch.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <ostream>

#include "pool/runtime/clock.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::trial {

using pool::PoolEvent;
using pool::runtime::Instant;

namespace {

constexpr std::size_t told_in_a_story = 20;
// Who waits for one event in a flood need not remember all of it.
constexpr std::size_t remembered_max = 100'000;
constexpr std::chrono::seconds standard_patience{10};

Instant instant_of(const pool::Deadline& deadline) {
  return pool::runtime::to_instant(
      deadline.resolve(std::chrono::steady_clock::now(), standard_patience));
}

std::string in_words(const PoolEvent& event) {
  std::string text{event.what};
  if (event.request != 0) text += fmt::format(" request {}", event.request);
  if (!event.label.empty()) text += fmt::format(" '{}'", event.label);
  if (event.worker != 0) text += fmt::format(" worker {}", event.worker);
  if (!event.session.empty()) text += fmt::format(" session {}", event.session);
  if (!event.from.empty()) text += fmt::format(" {} -> {}", event.from, event.to);
  if (!event.reason.empty()) text += fmt::format(" ({})", event.reason);
  if (event.code != pool::ErrorCode::none) text += fmt::format(" {}", to_string(event.code));
  return text;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Waited& waited) {
  return out << (waited.came ? "it came" : waited.story);
}

EventPredicate is(std::string what) {
  return [what = std::move(what)](const PoolEvent& event) { return event.what == what; };
}

// Events are numbered from the first on; those below `first` are forgotten.
struct EventWatch::Heard {
  std::mutex mutex;
  std::deque<PoolEvent> events;  // guarded by mutex, as all of these
  std::uint64_t first = 0;
  std::uint64_t next = 0;  // the first that no wait has seen
  pool::runtime::WakeWord word;
};

EventWatch::EventWatch(pool::Pool& pool)
    : pool_(pool),
      heard_(std::make_shared<Heard>()),
      subscription_(pool.subscribe([heard = heard_](const PoolEvent& event) {
        {
          const std::lock_guard lock{heard->mutex};
          heard->events.push_back(event);
          if (heard->events.size() > remembered_max) {
            heard->events.pop_front();
            ++heard->first;
          }
        }
        heard->word.notify();
      })) {}

EventWatch::~EventWatch() = default;

Waited EventWatch::wait_for(const EventPredicate& predicate, const pool::Deadline& deadline) {
  const Instant until = instant_of(deadline);
  declare_deadline(until);
  while (true) {
    const std::uint32_t ticket = heard_->word.ticket();
    {
      const std::lock_guard lock{heard_->mutex};
      Heard& heard = *heard_;
      for (heard.next = std::max(heard.next, heard.first);
           heard.next < heard.first + heard.events.size();) {
        if (predicate(heard.events[heard.next++ - heard.first])) return {.came = true, .story = {}};
      }
    }
    if (pool::runtime::now() >= until) return {.came = false, .story = story_of("the event")};
    heard_->word.wait_until(until, ticket);
  }
}

Waited EventWatch::wait_until_status(const std::function<bool(const pool::Status&)>& predicate,
                                     const std::string& what, const pool::Deadline& deadline) {
  const Instant until = instant_of(deadline);
  declare_deadline(until);
  while (true) {
    const std::uint32_t ticket = heard_->word.ticket();
    if (predicate(pool_.status())) return {.came = true, .story = {}};
    if (pool::runtime::now() >= until) return {.came = false, .story = story_of(what)};
    heard_->word.wait_until(until, ticket);
  }
}

std::string EventWatch::story_of(const std::string& what) const {
  const std::string status = in_words(pool_.status());
  const std::lock_guard lock{heard_->mutex};
  const auto& events = heard_->events;
  std::string text =
      fmt::format("waited in vain for {}.\nThe pool: {}\nIt told {} events meanwhile{}\n", what,
                  status, heard_->first + events.size(), events.empty() ? "." : ", the last:");
  const std::size_t shown = std::min(events.size(), told_in_a_story);
  for (std::size_t i = events.size() - shown; i < events.size(); ++i) {
    text += fmt::format("  {}\n", in_words(events[i]));
  }
  return text;
}

Waited wait_for(pool::Pool& pool, const EventPredicate& predicate, const pool::Deadline& deadline) {
  return EventWatch{pool}.wait_for(predicate, deadline);
}

std::string in_words(const pool::Status& s) {
  std::string text = fmt::format(
      "size {}: {} starting, {} idle, {} busy, {} degraded, {} terminating; {} queued, {} running, "
      "{} pausing; {} ok of {}, {} workers lost",
      s.size, s.starting, s.idle, s.busy, s.degraded, s.terminating, s.queue_depth, s.running,
      s.backing_off, s.ok, s.submitted, s.workers_lost);
  for (const pool::WorkerStatus& worker : s.workers) {
    text += fmt::format("; worker {} {} (pid {}, served {})", worker.worker, worker.state,
                        worker.pid, worker.served);
  }
  return text;
}

}  // namespace ordeal::trial

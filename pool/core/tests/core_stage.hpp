// A Core on a stage: feeds it events at a time that the test moves, keeps what it answers, and
// checks its invariants after each event. What the tests of the core are written with.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include "pool/core/core.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {

using namespace std::chrono_literals;  // NOLINT: this header is for tests alone

class Stage {
 public:
  explicit Stage(const CoreOptions& options = {}, std::uint64_t seed = 1) : core(options, seed) {}

  // Whoever is looked at is answered for at once, as a worker that computes, unless by_hand.
  Stage& feed(const Event& event) {
    last.clear();
    handle(event);
    while (!looks_by_hand && !looked_at.empty()) {
      const WorkerId worker = looked_at.back();
      looked_at.pop_back();
      handle(
          event::WorkerLooked{.worker = worker, .activity = Activity::computes, .trace = ++traces});
    }
    // Whoever wakes it until no timer is due would never come to an end.
    const auto timer = core.poll_timeout();
    vain_wakes = timer && *timer <= now ? vain_wakes + 1 : 0;
    if (vain_wakes == 1000) throw std::logic_error{"a timer that is due does not fire"};
    return *this;
  }

  // Opens the pool and makes every worker that it asks for ready.
  Stage& open(std::uint32_t slots = 1) {
    feed(event::Opened{});
    all_ready(slots);
    return *this;
  }
  Stage& all_ready(std::uint32_t slots = 1) {
    while (!starting.empty()) ready(starting.begin()->second, slots);
    return *this;
  }
  Stage& ready(WorkerId worker, std::uint32_t slots = 1) {
    starting.erase(worker.serial);
    return feed(event::WorkerReady{worker, slots});
  }
  Stage& exited(WorkerId worker, bool spawned = true) {
    starting.erase(worker.serial);
    return feed(event::WorkerExited{worker, spawned});
  }
  TicketId submit(Instant deadline = never, bool lease = false) {
    return submit(event::Submitted{.deadline = deadline, .lease = lease});
  }
  TicketId submit(event::Submitted submitted) {
    submitted.ticket = TicketId{next_index++, next_serial++};
    feed(submitted);
    return submitted.ticket;
  }
  Stage& ended(TicketId ticket, ExchangeVerdict verdict = ExchangeVerdict::replied,
               WireProgress progress = WireProgress::written, ErrorCode code = ErrorCode::none) {
    return feed(event::ExchangeEnded{ticket, verdict, progress, code});
  }
  Stage& cancel(TicketId ticket) { return feed(event::CancelRequested{ticket}); }
  Stage& stop(Duration grace) { return feed(event::StopRequested{grace}); }

  // Moves time, and wakes the core whenever it has asked for it.
  Stage& advance(Duration by) {
    const Instant until = now + by;
    std::vector<Action> all;
    while (true) {
      const auto next = core.poll_timeout();
      if (!next || *next > until) break;
      now = std::max(now, *next);
      feed(event::TimePassed{});
      all.insert(all.end(), last.begin(), last.end());
    }
    now = until;
    feed(event::TimePassed{});
    last.insert(last.begin(), all.begin(), all.end());
    return *this;
  }

  // What the last feed() or advance() was answered with, of one kind.
  template <typename A>
  [[nodiscard]] std::vector<A> said() const {
    std::vector<A> found;
    for (const Action& action : last) {
      if (const A* a = std::get_if<A>(&action)) found.push_back(*a);
    }
    return found;
  }
  [[nodiscard]] bool told(Occurrence what) const {
    for (const auto& e : said<action::Emit>()) {
      if (e.what == what) return true;
    }
    return false;
  }
  [[nodiscard]] bool granted(TicketId ticket) const { return grants.count(ticket.serial) != 0; }
  [[nodiscard]] WorkerId worker_of(TicketId ticket) const {
    return grants.at(ticket.serial).worker;
  }
  [[nodiscard]] std::optional<ErrorCode> outcome(TicketId ticket) const {
    const auto found = outcomes.find(ticket.serial);
    if (found == outcomes.end()) return std::nullopt;
    return found->second.code;
  }
  [[nodiscard]] std::optional<WorkerState> state(WorkerId worker) const {
    for (const WorkerView& view : core.workers()) {
      if (view.id == worker) return view.state;
    }
    return std::nullopt;
  }

  Core core;
  bool looks_by_hand = false;
  std::vector<WorkerId> looked_at;  // and not answered for
  Instant now = Instant{1s};
  std::vector<Action> last;
  std::map<std::uint64_t, WorkerId> starting;
  std::map<std::uint64_t, action::Grant> grants;  // the last one of each ticket
  std::map<std::uint64_t, action::Resolve> outcomes;
  std::uint32_t next_index = 0;
  std::uint64_t next_serial = 1;
  int vain_wakes = 0;  // in a row, with a timer due behind them
  int stopped = 0;

 private:
  void handle(const Event& event) {
    core.handle_event(now, event);
    while (const auto action = core.poll_action()) {
      last.push_back(*action);
      note(*action);
    }
    if (const char* broken = core.broken_invariant()) ADD_FAILURE() << broken;
  }
  void note(const Action& action) {
    if (const auto* spawn = std::get_if<action::Spawn>(&action)) {
      starting[spawn->worker.serial] = spawn->worker;
    } else if (const auto* grant = std::get_if<action::Grant>(&action)) {
      EXPECT_FALSE(outcomes.count(grant->ticket.serial)) << "granted after its outcome";
      grants[grant->ticket.serial] = *grant;
    } else if (const auto* resolve = std::get_if<action::Resolve>(&action)) {
      const bool first = outcomes.emplace(resolve->ticket.serial, *resolve).second;
      EXPECT_TRUE(first) << "ticket " << resolve->ticket.serial << " resolved twice";
    } else if (const auto* look = std::get_if<action::Look>(&action)) {
      looked_at.push_back(look->worker);
    } else if (const auto* kill = std::get_if<action::Kill>(&action)) {
      starting.erase(kill->worker.serial);
    } else if (std::holds_alternative<action::Stopped>(action)) {
      ++stopped;
    }
  }
  std::uint64_t traces = 0;
};

}  // namespace ordeal::pool::core

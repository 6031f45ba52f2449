// An open world for overload: requests come at a rate that does not care how the pool fares, and
// clients that fail try again at once, which is what keeps a pool down that a pulse has brought
// down. In virtual time, from one seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "pool/core/core.hpp"
#include "pool/core/random.hpp"

namespace ordeal::trial {

struct OverloadPlan {
  pool::core::CoreOptions core;
  std::int64_t per_second = 240;  // new requests; four workers of 10 ms serve 400
  std::int64_t pulse_per_second = 2'000;
  std::uint32_t tries = 4;  // of a client, each with the whole patience
  pool::core::Duration patience = std::chrono::milliseconds{200};
  pool::core::Duration service =
      std::chrono::milliseconds{10};  // from half to one and a half of it
  // This one answers each request at once with an error of its own; 0: none does.
  std::uint64_t broken_worker = 0;
};

// New requests that were answered in one of their tries, as a part of 1000 of those that came, by
// the second in which they came: pulse in second 2, six seconds in all.
class OverloadWorld {
 public:
  static constexpr std::int64_t seconds = 6;
  static constexpr std::int64_t pulse_second = 2;

  explicit OverloadWorld(const OverloadPlan& plan, std::uint64_t seed)
      : plan_(plan), random_(seed), core_(plan.core, seed) {}

  std::vector<std::int64_t> run() {
    feed(pool::core::event::Opened{});
    for (std::int64_t s = 0; s < seconds; ++s) {
      const std::int64_t rate = s == pulse_second ? plan_.pulse_per_second : plan_.per_second;
      for (std::int64_t i = 0; i < rate; ++i) {
        at(second(s) + pool::core::Duration{random_.between(0, 999'999'999)},
           [this, s] { submit({.came_in = s}); });
      }
      came_.push_back(rate);
    }
    answered_.assign(static_cast<std::size_t>(seconds), 0);
    while (!agenda_.empty() || core_.poll_timeout()) step();
    std::vector<std::int64_t> goodput;
    for (std::size_t s = 0; s < came_.size(); ++s) {
      goodput.push_back(1'000 * answered_[s] / came_[s]);
    }
    return goodput;
  }
  [[nodiscard]] const pool::core::Counters& counters() const { return core_.counters(); }

 private:
  using Instant = pool::core::Instant;
  struct Client {
    std::int64_t came_in = 0;
    std::uint32_t tried = 0;
    Instant deadline{};
    std::uint32_t index = 0;
    pool::core::TicketId ticket{};
  };

  static Instant second(std::int64_t s) { return Instant{std::chrono::seconds{1 + s}}; }
  void at(Instant when, std::function<void()> what) { agenda_.emplace(when, std::move(what)); }

  void step() {
    const auto timer = core_.poll_timeout();
    if (timer && (agenda_.empty() || *timer <= agenda_.begin()->first)) {
      now_ = std::max(now_, *timer);
      feed(pool::core::event::TimePassed{});
      const auto next = core_.poll_timeout();
      if (next && *next <= now_) throw std::logic_error{"a timer that is due did not fire"};
      return;
    }
    now_ = std::max(now_, agenda_.begin()->first);
    const auto what = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    what();
  }

  void submit(Client client) {
    ++client.tried;
    client.deadline = now_ + plan_.patience;
    if (free_.empty()) free_.push_back(indexes_++);
    client.index = free_.back();
    free_.pop_back();
    client.ticket = {client.index, ++serials_};
    open_[client.index] = client;
    feed(pool::core::event::Submitted{.ticket = client.ticket, .deadline = client.deadline});
  }

  // The worker answers after its service, or its caller leaves at the deadline and the answer is
  // late.
  void serve(const pool::core::action::Grant& grant) {
    using namespace pool::core;  // NOLINT
    if (grant.worker.serial == plan_.broken_worker) {
      return at(now_ + std::chrono::milliseconds{1}, [this, grant] {
        feed(event::ExchangeEnded{grant.ticket, ExchangeVerdict::application_error,
                                  WireProgress::written});
      });
    }
    const Duration half = plan_.service / 2;
    const Instant answers = now_ + half + Duration{random_.between(0, 2 * half.count())};
    const Instant deadline = open_.at(grant.ticket.index).deadline;
    if (answers < deadline) {
      return at(answers, [this, grant] {
        feed(event::ExchangeEnded{grant.ticket, ExchangeVerdict::replied, WireProgress::written});
      });
    }
    at(deadline, [this, grant] {
      feed(event::ExchangeEnded{grant.ticket, ExchangeVerdict::timed_out, WireProgress::written});
    });
    at(answers, [this, grant] { feed(event::LateReplyDrained{grant.worker, grant.slot}); });
  }

  void resolved(const pool::core::action::Resolve& outcome) {
    const Client client = open_.at(outcome.ticket.index);
    free_.push_back(client.index);
    if (outcome.code == pool::ErrorCode::none) {
      ++answered_[static_cast<std::size_t>(client.came_in)];
    } else if (client.tried < plan_.tries) {
      at(now_ + std::chrono::milliseconds{1}, [this, client] { submit(client); });
    }
  }

  void feed(const pool::core::Event& event) {
    using namespace pool::core;  // NOLINT
    core_.handle_event(now_, event);
    while (const auto action = core_.poll_action()) {
      if (const auto* spawn = std::get_if<action::Spawn>(&*action)) {
        at(now_, [this, worker = spawn->worker] { feed(event::WorkerReady{worker, 1}); });
      } else if (const auto* grant = std::get_if<action::Grant>(&*action)) {
        serve(*grant);
      } else if (const auto* outcome = std::get_if<action::Resolve>(&*action)) {
        resolved(*outcome);
      }
    }
  }

  const OverloadPlan plan_;
  pool::core::Random random_;
  pool::core::Core core_;
  Instant now_{};
  std::multimap<Instant, std::function<void()>> agenda_;
  std::map<std::uint32_t, Client> open_;  // by the ticket's index
  std::vector<std::uint32_t> free_;
  std::uint32_t indexes_ = 0;
  std::uint64_t serials_ = 0;
  std::vector<std::int64_t> came_;
  std::vector<std::int64_t> answered_;
};

}  // namespace ordeal::trial

// What will happen in a simulation, in order of time; of two at the same instant, the one planned
// first. Nothing is taken off: a happening that has lost its meaning is seen to have (its client
// or worker has moved on) when its time comes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "pool/core/exchange_verdict.hpp"
#include "pool/core/ids.hpp"
#include "pool/core/time.hpp"

namespace ordeal::trial {

struct Happening {
  enum class Kind : std::uint8_t {
    submit,         // who: a client
    cancel,         // who, serial: a client, its ticket
    exchange_ends,  // who, serial: a client, its grant; and how
    ready,          // worker
    fault,          // worker: nonsense in its handshake, or where its late reply should be
    dies,           // worker: the process ends
    exit_noticed,   // worker: the host hears of it; who: 0 if it never was spawned
    late_reply,     // worker; who: slot
    ping_answered,  // worker; code
    looked,         // worker: what was seen of it
    stacks,         // worker: has written its stacks down
    resume,         // of a pool that was paused or drained
    session_ends,   // who: the session
    stop,
    stop_again,
    strike,  // who: a planned fault begins
    relief,  // who: it ends
    // Barriers: planned for the very instant of something else, now before it and now behind it.
    race_cancel,  // who, serial: of a request whose reply is there
    race_death,   // worker; who: the client whose lease comes back
    race_stop,    // worker: whose start is over
  };
  Kind kind{};
  pool::core::ExchangeVerdict verdict{};
  pool::core::WireProgress progress{};
  pool::ErrorCode code{};
  std::uint32_t who = 0;
  std::uint64_t serial = 0;
  pool::core::WorkerId worker{};
};

class Agenda {
 public:
  void plan(pool::core::Instant at, const Happening& happening) {
    heap_.push_back({at, ++planned_, happening});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  [[nodiscard]] std::optional<pool::core::Instant> next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().at;
  }
  // REQUIRES: next(), as take().
  [[nodiscard]] const Happening& front() const { return heap_.front().happening; }
  Happening take() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Happening happening = heap_.back().happening;
    heap_.pop_back();
    return happening;
  }

 private:
  struct Entry {
    pool::core::Instant at{};
    std::uint64_t order = 0;
    Happening happening;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  std::vector<Entry> heap_;
  std::uint64_t planned_ = 0;
};

}  // namespace ordeal::trial

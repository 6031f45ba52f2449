// A Core, whatever outside world its contract allows, and the oracle that watches both.
//
// The world has no mind of its own: it does what a list of small numbers says (step), so that a
// property test can draw the list, and shrink it. Obligations are kept (a grant is answered once,
// a ready worker was spawned); everything else, sensible or not, is possible in any order.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "pool/core/core.hpp"
#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

inline constexpr std::uint32_t step_kinds = 41;
struct CoreStep {
  std::uint32_t what = 0;  // which kind of event
  std::uint32_t who = 0;   // which of those it can happen to
  std::uint32_t how = 0;   // its parameters
};

class CoreWorld {
 public:
  CoreWorld(const pool::core::CoreOptions& options, std::uint64_t seed);

  void step(const CoreStep& step);
  // From here on nothing fails: serves all who wait, then stops the pool and buries the workers.
  void finish();

  // Empty, or what was broken and by which event.
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] const pool::core::Core& core() const { return core_; }
  // What has happened, for "did the walk get anywhere?".
  struct Visits {
    std::uint32_t grants = 0, requeues = 0, drains = 0, circuit_opened = 0, queue_full = 0;
    std::uint32_t kills = 0, asks = 0, interrupts = 0, stops = 0;
    std::uint32_t pauses = 0, poisoned = 0, ok_after_retry = 0;
    std::uint32_t probes = 0, unhealthy = 0, recovered = 0, replaced = 0;
    std::uint32_t hits = 0, rebinds = 0;
    std::uint32_t ejections = 0;
    std::uint32_t looks = 0, stuck = 0, stuck_kills = 0, dumps = 0, extensions = 0;
  };
  [[nodiscard]] const Visits& visits() const { return visits_; }
  [[nodiscard]] const CoreOracle::Seen& seen() const { return oracle_.seen(); }
  [[nodiscard]] const CoreOracle::Operations& operations() const { return oracle_.operations(); }
  [[nodiscard]] NaiveCircuit::Visits breaker_visits() const { return oracle_.breaker_visits(); }

 private:
  struct Granted {
    pool::core::TicketId ticket;
    pool::core::WorkerId worker;
  };
  struct Dirty {
    pool::core::WorkerId worker;
    std::uint32_t slot = 0;
  };

  void feed(const pool::core::Event& event);
  void note(const pool::core::Action& action);
  void submit(const CoreStep& step);
  void join_session(const CoreStep& step, pool::core::event::Submitted& submitted) const;
  void end_exchange(const CoreStep& step);
  void start_succeeds(const CoreStep& step);
  void leaver_leaves(const CoreStep& step);
  void late_reply_comes(const CoreStep& step);
  void ping_is_answered(const CoreStep& step);
  void look(const CoreStep& step);
  void fault(const CoreStep& step);
  void pass_time(const CoreStep& step, bool to_next_timer);
  void order_circuit(const CoreStep& step);
  void operate(const CoreStep& step);
  [[nodiscard]] pool::core::CircuitId circuit(std::uint32_t choice);
  void exit(std::size_t position);
  bool finish_one();

  pool::core::Core core_;
  CoreOracle oracle_;
  pool::core::Instant now_{std::chrono::seconds{1}};
  std::string error_;
  Visits visits_;
  std::uint64_t last_serial_ = 0;
  std::array<std::uint64_t, 2> last_worker_{};  // of each session
  std::vector<std::uint32_t> session_of_;       // by ticket index
  std::vector<std::uint32_t> free_indexes_;
  std::uint32_t indexes_ = 0;
  std::vector<pool::core::TicketId> open_;
  std::vector<Granted> granted_;
  std::vector<pool::core::WorkerId> starting_;
  std::vector<pool::core::WorkerId> processes_;  // spawned, not exited
  std::vector<pool::core::WorkerId> dying_;      // asked or killed, not exited
  std::vector<pool::core::WorkerId> gone_;
  std::vector<Dirty> dirty_;
  std::vector<pool::core::WorkerId> pinged_;     // and have not answered
  std::vector<pool::core::WorkerId> looked_at_;  // the answer to be told
  std::vector<pool::core::WorkerId> dumping_;
  std::array<std::uint64_t, 2> circuits_{1, 2};  // serials of the two keys
  std::uint64_t last_circuit_ = 2;
  std::uint64_t last_generation_ = 1;
  std::uint64_t rss_kib_ = 1'000;
};

}  // namespace ordeal::trial

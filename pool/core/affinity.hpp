// Which session is bound to which worker: a table over the sessions' dense numbers.
//
//             bind                          lose (its worker is gone)
//   unknown ────────▶ bound to a worker ───────────────────────────▶ orphan
//      ▲                │      ▲                                       │
//      └─ idle too long ┘      └──────────────── bind ─────────────────┤
//      └─ idle too long, or the oldest of too many ────────────────────┘
//
// A session is in use while a request of it is open (enter, leave); only when it is idle does it
// grow old. An orphan remembers that there was a worker, so that its next binding is told as a new
// one of an old session.
//
// Invariants (numbers of behaviour spec, part B):
//  (25) A session is bound to one worker or none.
//  (26) lose(worker) unbinds exactly the sessions bound to it.
//  (27) An idle session whose last use is `timeout` or longer ago is forgotten by pop_expired(now),
//       one that was used later is not: there is no other rule and no other clock.
//  (28) Use makes it young: leave() sets the age to zero. Tables share nothing.
//  (29) bindings() = the number of bound sessions = the sum of bindings_of(worker).
//       At most `known_max` sessions are known, but for those in use.
// All O(1), but for lose: O(bindings of that worker). Allocates only when a number higher than any
// before comes. Not thread-safe; a value.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ordeal/pool/affinity.hpp"
#include "pool/core/ids.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

// A session as the core knows it: a dense number that the feeder of events chose
// (action::ForgetSession gives it back).
inline constexpr std::uint32_t no_session = UINT32_MAX;

class Affinity {
 public:
  // REQUIRES: timeout > 0, known_max >= 1.
  Affinity(Duration timeout, std::uint32_t known_max) : timeout_(timeout), known_max_(known_max) {}

  // A request of the session begins, or has its outcome. Whether the session is still known then.
  void enter(std::uint32_t session);
  [[nodiscard]] bool leave(std::uint32_t session, Instant now);

  // Serial 0: not bound.
  [[nodiscard]] WorkerId bound_to(std::uint32_t session) const;
  // What it was bound to before, and what has become of that. REQUIRES: in use.
  struct Bound {
    AffinityOutcome outcome = AffinityOutcome::bound;
    WorkerId before;  // rebound: the former worker
  };
  Bound bind(std::uint32_t session, WorkerId worker);
  // Returns how many bindings it had.
  std::uint32_t lose(WorkerId worker);
  // Returns false, and changes nothing, if it is in use.
  bool forget(std::uint32_t session);

  // Forgets one that has been idle for too long, or the one longest idle if too many are known;
  // call again until there is none.
  struct Forgotten {
    std::uint32_t session = no_session;
    WorkerId worker;  // serial 0: an orphan
  };
  [[nodiscard]] std::optional<Forgotten> pop_expired(Instant now);
  [[nodiscard]] std::optional<Forgotten> pop_excess();
  // When pop_expired would next find something; `never`: not unless something changes.
  [[nodiscard]] Instant next_expiry() const;

  // In use, bound or an orphan: its number is taken.
  [[nodiscard]] bool is_known(std::uint32_t session) const;
  [[nodiscard]] bool is_in_use(std::uint32_t session) const;
  [[nodiscard]] std::uint32_t bindings() const { return bindings_; }
  [[nodiscard]] std::uint32_t bindings_of(WorkerId worker) const;
  // Null, or what is wrong with the table. O(sessions).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  enum class Kind : std::uint8_t {
    unknown,
    bound,
    orphan
  };
  struct Session {
    WorkerId worker;  // bound: the worker; orphan: the former one
    Instant used_at{};
    std::uint32_t users = 0;
    Kind kind = Kind::unknown;
    std::uint32_t older = none;  // in the list of idle ones, by age
    std::uint32_t newer = none;
    std::uint32_t before = none;  // in the list of its worker's
    std::uint32_t behind = none;
  };
  struct OfWorker {
    std::uint32_t first = none;
    std::uint32_t count = 0;
  };

  void link_to_worker(std::uint32_t session, WorkerId worker);
  void unlink_from_worker(std::uint32_t session);
  void unlink_from_idle(std::uint32_t session);
  Forgotten drop(std::uint32_t session);

  Duration timeout_;
  std::uint32_t known_max_;
  std::vector<Session> sessions_;
  std::vector<OfWorker> workers_;  // by worker index
  std::uint32_t oldest_idle_ = none;
  std::uint32_t newest_idle_ = none;
  std::uint32_t bindings_ = 0;
  std::uint32_t orphans_ = 0;
};

}  // namespace ordeal::pool::core

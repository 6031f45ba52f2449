// Waits that time ended, and nothing else: each must have ended at a deadline that somebody
// declared. One that did not is a guess: a look every so often, where there should be an event.
//
// Linked through the target ordeal_trial_timeout_check, every test of a program is judged when it
// is over, and fails, naming the waits, if one of them is not explained by one of
//   a declared deadline     an instant, exact to the nanosecond: declare_deadline(). The deadlines
//                           of a recorded pool's calls and all timers that its core had due are
//                           declared from its record (testing/recorded);
//   a declared wait         by its length: as long at most, and in one thread one after the
//                           other, so that it explains no loop of shorter ones: declare_wait().
//
// What is seen: the waits of pool/runtime/clock.hpp, which are all that a pool has (a lint forbids
// others), in this process. What workers, other processes and foreign libraries wait for is not.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "pool/runtime/clock.hpp"

namespace ordeal::trial {

// Thread-safe, all of them. What is declared holds until the test is judged; where no test is, it
// is not kept. The trial kit declares the deadlines that its callers pass to it: of its waits for
// events, for processes, for the steps of a scenario.
void declare_deadline(pool::runtime::Instant at);
// `thread`: only in threads of that name; empty: in any.
void declare_wait(pool::runtime::Duration length_max, std::string thread = {});
// What ends at `from` or later in this test cannot be judged: the record was full.
void declare_unknown(pool::runtime::Instant from);

// Waits of the program's whole life, declared once.
void declare_wait_always(pool::runtime::Duration length_max, std::string thread = {});

// Asked when a test is over, before it is judged: declares what it knows, and says whether that is
// all. If not (a pool lives on), the test's waits are judged with the next one's. It is asked in
// every program, also where the check is not installed.
void explain_timeouts_with(std::function<bool()> explainer);

// From now on. REQUIRES: install_leak_check(), before the first test.
void install_timeout_check();

struct TimeoutCounts {
  std::size_t seen = 0;
  std::size_t at_deadlines = 0;
  std::size_t declared_waits = 0;
};
// Of the waits judged so far, in this program.
[[nodiscard]] TimeoutCounts timeout_counts();

}  // namespace ordeal::trial

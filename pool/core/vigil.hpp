// Whether a worker that has a request is busy or stuck: told from two looks at it, with the same
// request in its hands and nothing heard of it in between.
//
// Stuck is what cannot go on by itself, not what takes long:
//   stopped   the kernel holds it (SIGSTOP), and has all the while
//   locked    each of its threads waits for a lock that only another of them could release, has
//             done so all the while, and none of them has a time limit: a lock cycle
//   silent    it has promised to beat (the kit's capability "heartbeat") and has not once: some C
//             code has kept Python's lock to itself. It may be a long computation, so this is told,
//             and the worker is left alone unless an option says otherwise
// A worker that waits for anything from outside (a timer, the network, a disk), that computes, or
// of which nothing can be known, is busy. So is one that reports progress, whatever else is seen.
// The first two are facts of the kernel, and need no cooperation: a plain DSPex worker is judged by
// them too, and by nothing else.
//
// Invariants (bug class 10 of references/pool-peers.md, section 17):
//   (1) Nothing is called stuck by one look, nor by looks at two different requests.
//   (2) Whatever was heard of it (a report of progress; a beat, for `silent`) clears it.
//   (3) What runs, or has run in between, is neither stopped nor locked.
//
// Pure, deterministic; a value.
#pragma once

#include <cstdint>

#include "ordeal/pool/health.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

// What a worker's process was seen to do.
enum class Activity : std::uint8_t {
  unknown,   // it cannot be read
  computes,  // some thread of it runs, or could
  waits,     // for something that may come from outside
  locked,    // all of its threads wait for one another
  stopped,   // it was stopped, and is not debugged
};

enum class Stuck : std::uint8_t {
  no,
  silent,
  stopped,
  locked
};

struct Sign {
  Activity activity{};
  // Stands for all that its threads have done so far: equal in two looks, none has run in between.
  std::uint64_t trace = 0;
  std::uint32_t reports = 0;  // of progress, since the last look
  std::uint32_t beats = 0;    // likewise
};

class Vigil {
 public:
  // REQUIRES: it has a request. `held_since`: since when it has had the newest of those in hand;
  // `answered`: how many it has answered, ever; `beats`: whether it has promised to.
  Stuck judge(const Sign& sign, Instant now, Instant held_since, std::uint64_t answered,
              bool beats);
  // It has been told, or has nothing in hand any more: begins anew.
  void reset() { *this = {}; }
  [[nodiscard]] Stuck verdict() const { return verdict_; }
  [[nodiscard]] Instant since() const { return since_; }  // of the verdict: the first such look

 private:
  bool known_ = false;
  Sign last_;
  Instant looked_at_{};
  std::uint64_t answered_ = 0;
  Instant since_{};
  Stuck verdict_ = Stuck::no;
};

}  // namespace ordeal::pool::core

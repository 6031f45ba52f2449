// Fails system calls of a running process, from outside and without a program in it: as a tracer
// (ptrace), the way `strace -e inject` does.
//
//   a call that matches ─entry stop─> made into no call at all ─exit stop─> told the error, read
//   back
//
// A thread of this process is the tracer, since a tracer must be an ancestor where Yama says so.
// All threads of the target are traced, also those that it begins later; processes that it begins
// are not.
//
// Invariants:
//   (1) What told() counts the target has in its register: it is read back from the kernel at the
//       stop behind the call.
//   (2) No call is left half failed: who is let go has been told its error, or goes on as usual.
//   (3) Whoever waits for the target's end is told of it: the tracer never reaps the process
//   itself. (4) However this process ends, the kernel lets the target go.
//
// Thread safety: one thread owns the object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <vector>

#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {

struct CallFailure {
  std::vector<long> system_calls;  // their numbers here
  int error = 0;                   // errno
  std::uint64_t failures_max = 1;  // then the target is let go
  std::uint64_t nth = 1;           // each n-th call of these fails
};

class CallTracer {
 public:
  // The error is a sentence: what the system has refused.
  [[nodiscard]] static tl::expected<std::unique_ptr<CallTracer>, std::string> attach(
      int pid, const CallFailure& failure);
  ~CallTracer();  // lets go, and waits for that
  CallTracer(const CallTracer&) = delete;
  CallTracer& operator=(const CallTracer&) = delete;

  [[nodiscard]] std::uint64_t told() const;  // calls that were told the error
  [[nodiscard]] std::uint64_t seen() const;  // calls that matched
  // Does not wait: true once no thread of the target is traced by this any more.
  [[nodiscard]] bool let_go();

 private:
  struct Shared;
  explicit CallTracer(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
  pool::runtime::Instant asked_at_{};  // it was told to let go; not more often than it can heed
};

// Whether this process may trace its children here; else a sentence. Tried on a child, once.
[[nodiscard]] std::string why_not_traced();

// Who traces that process, by /proc; 0: nobody, or it is gone.
[[nodiscard]] int tracer_of(int pid);

}  // namespace ordeal::chaos

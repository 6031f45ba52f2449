// What becomes of a worker after a failure: one row for each kind of failure that the core knows.
//
// Behaviour spec, section 7, with its defects mended:
//   - DSPex decided and nobody asked; here State::recover() does nothing but what the row says.
//   - `retry` was offered for workers, to a pool that could not do it, and never chosen. What can
//   be
//     retried is a request (retrying.cpp). A worker that owes a reply is given time: quarantine.
//   - `remove` and `replace` are one: settle() starts whoever is missing. So replace is chosen.
//   - degrade had a delay that nobody waited for, and no way back: here it is the pause until the
//     next probe, and a probe that is answered ends it.
//   - is_recoverable and the failure delays contradicted the decisions: there is one table.
//
// Invariants: (a) the table is total and in the enum's order (static_assert); (b) every decision is
// a pure function of the failure and of how many are in a row; (c) at `failures_max` failures in a
// row the remedy is replace, whatever came before (invariant 22 of behaviour spec, part B).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "pool/core/action.hpp"
#include "pool/core/lifecycle.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

enum class WorkerFailure : std::uint8_t {
  exited,               // its process is gone, and nobody had asked for that
  spawn_failed,         // there never was a process
  start_timeout,        // not ready in time
  start_failed,         // answered the handshake with something else
  protocol_violated,    // wrote what is no reply, or more than one
  stream_lost,          // end of file; most likely its death, of which the news is on its way
  stream_closed,        // end of file, and the process lives on
  request_cut_off,      // a request of which only a part was written when its caller gave up
  call_timed_out,       // a call's deadline passed with the request in its hands
  call_cancelled,       // its caller gave up with the request in its hands
  late_reply_overdue,   // owes a reply, and quarantine_grace is over
  health_check_failed,  // did not answer a ping in time, or answered with an error
  stuck,                // has a request and cannot go on by itself
};
inline constexpr std::size_t worker_failure_count = 13;

enum class Remedy : std::uint8_t {
  bury,        // nothing is left of it
  await_exit,  // out of service; the news of its death decide
  quarantine,  // gets no work until its late reply has been read
  degrade,     // gets no work until a probe is answered
  replace,     // out of service, killed; another is started
};

// Whose doing it is: the worker's failures make the pool start more slowly (early deaths).
enum class Blame : std::uint8_t {
  worker,
  caller,
  outsider,  // who sent a SIGKILL
  nobody
};

struct RecoveryRow {
  WorkerFailure failure;
  Remedy remedy;
  bool counts;              // in the row of failures in a row; failures_max of those: replace
  Duration delay;           // degrade: until the next probe, at most; doubled with each failure
  TransitionReason reason;  // of leaving service
  Blame blame;
  KillReason kill;  // replace
};

namespace detail {

using F = WorkerFailure;
using T = TransitionReason;
using K = KillReason;

// DSPex's section 7: port_exited -> remove, health_check_failed -> degrade (5 s), at 3 remove;
// timeout -> always remove (a defect: slow is not broken); all else -> remove.
inline constexpr std::array<RecoveryRow, worker_failure_count> recovery_rows{{
    {F::exited, Remedy::bury, false, {}, T::exited, Blame::worker, K::fault},
    {F::spawn_failed, Remedy::bury, false, {}, T::exited, Blame::worker, K::fault},
    {F::start_timeout,
     Remedy::replace,
     false,
     {},
     T::start_failed,
     Blame::worker,
     K::start_timeout},
    {F::start_failed, Remedy::replace, false, {}, T::fault, Blame::worker, K::fault},
    {F::protocol_violated, Remedy::replace, false, {}, T::fault, Blame::worker, K::fault},
    {F::stream_lost, Remedy::await_exit, false, {}, T::exited, Blame::worker, K::fault},
    {F::stream_closed, Remedy::replace, false, {}, T::exited, Blame::worker, K::fault},
    {F::request_cut_off, Remedy::replace, false, {}, T::fault, Blame::caller, K::partial_write},
    {F::call_timed_out, Remedy::quarantine, true, {}, T::failures_max, Blame::worker, K::unhealthy},
    {F::call_cancelled, Remedy::quarantine, false, {}, T::fault, Blame::caller, K::fault},
    // It works for its former caller still: not the worker's fault, as far as anybody knows.
    {F::late_reply_overdue,
     Remedy::replace,
     false,
     {},
     T::fault,
     Blame::caller,
     K::late_reply_overdue},
    {F::health_check_failed, Remedy::degrade, true, std::chrono::seconds{5}, T::failures_max,
     Blame::worker, K::unhealthy},
    {F::stuck, Remedy::replace, false, {}, T::stuck, Blame::worker, K::stuck},
}};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < recovery_rows.size(); ++i) {
    if (static_cast<std::size_t>(recovery_rows[i].failure) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enum());

}  // namespace detail

[[nodiscard]] constexpr const RecoveryRow& recovery_of(WorkerFailure failure) {
  return detail::recovery_rows[static_cast<std::size_t>(failure)];
}

// `in_a_row`: failures of the worker that count, this one included.
[[nodiscard]] constexpr Remedy decide(WorkerFailure failure, std::uint32_t in_a_row,
                                      std::uint32_t failures_max) {
  const RecoveryRow& row = recovery_of(failure);
  return row.counts && in_a_row >= failures_max ? Remedy::replace : row.remedy;
}

}  // namespace ordeal::pool::core

// explain(): which of the pool's facts is the reason. The first that applies, from the widest (the
// pool is paused) to the narrowest (what the worker does that everybody waits for).
#include <fmt/format.h>

#include <algorithm>

#include "ordeal/pool/diagnosis.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool {
namespace {

std::string seconds(std::chrono::nanoseconds duration) {
  return fmt::format("{:.1f} s", static_cast<double>(duration.count()) / 1e9);
}

std::string name_of(const RequestSight& request) {
  std::string name = fmt::format("request {}", request.request);
  if (!request.command.empty()) name += fmt::format(" ({})", wire::excerpt(request.command));
  if (!request.label.empty()) name += fmt::format(" \"{}\"", wire::excerpt(request.label));
  return name;
}

// The innermost frame of the thread that Python calls the current one, or of the last one (the main
// thread stands last when none holds the GIL): `File "x.py", line 12 in wait`.
std::string innermost_frame(const std::string& stacks) {
  std::string_view text = stacks;
  const std::size_t current = text.find("Current thread");
  const std::size_t thread = current != std::string_view::npos ? current : text.rfind("Thread 0x");
  if (thread == std::string_view::npos) return {};
  const std::size_t begin = text.find("  File \"", thread);
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin + 2);
  return std::string{text.substr(0, text.find('\n'))};
}

// What a worker that has a request does with it.
std::string does(const WorkerSight& worker) {
  std::string what;
  switch (worker.process) {
    case ProcessState::stopped:
      what = "its process is stopped (SIGSTOP, or a debugger), and goes on with SIGCONT";
      break;
    case ProcessState::running:
      what = "it computes";
      break;
    case ProcessState::sleeping:
      what = worker.waits_in.find("futex") != std::string::npos
                 ? "it waits for a lock"
                 : "it waits for a timer or I/O, or for a lock";
      break;
    case ProcessState::blocked:
      what = "it is blocked in the kernel (a disk, or a network file system)";
      break;
    case ProcessState::dead:
      what = "its process is dead, which is about to be noticed";
      break;
    case ProcessState::unknown:
      what = "nobody knows what it does";
      break;
  }
  if (worker.stuck == "locked") {
    what = "it is in a lock cycle: each of its threads waits for another";
  } else if (worker.stuck == "silent") {
    what += ", and its heartbeat has stopped: C code keeps the GIL";
  }
  if (const std::string frame = innermost_frame(worker.stacks); !frame.empty()) {
    what += ", in " + frame;
  }
  if (!worker.last_progress.empty()) {
    what += fmt::format(", and last reported {}", wire::excerpt(worker.last_progress));
  }
  return what;
}

std::string lease_of(const RequestSight& request) {
  if (!request.lease) return {};
  if (request.place.empty()) return "a lease, ";
  return fmt::format("a lease taken at {}, ", wire::excerpt(request.place));
}

std::string busy(const WorkerSight& worker) {
  if (!worker.request) {
    return fmt::format("worker {} has been {} for {}", worker.worker, worker.state,
                       seconds(worker.in_state));
  }
  const RequestSight& request = *worker.request;
  return fmt::format("worker {} has had {}{} for {}: {}", worker.worker, lease_of(request),
                     name_of(request), seconds(request.in_worker), does(worker));
}

const WorkerSight* find(const Diagnosis& d, std::uint64_t worker) {
  const auto found = std::find_if(d.workers.begin(), d.workers.end(),
                                  [&](const WorkerSight& w) { return w.worker == worker; });
  return found == d.workers.end() ? nullptr : &*found;
}

std::string starts(const Diagnosis& d) {
  std::string text = fmt::format("{} starts in a row have failed", d.start_failures);
  if (!d.last_start_failure.empty()) text += fmt::format(" (the last: {})", d.last_start_failure);
  if (d.next_start_in) text += fmt::format("; the next is tried in {}", seconds(*d.next_start_in));
  return text;
}

// Of those that have a request, the one that has had it for longest.
const WorkerSight* longest_busy(const Diagnosis& d) {
  const WorkerSight* longest = nullptr;
  for (const WorkerSight& worker : d.workers) {
    if (!worker.request) continue;
    if (longest == nullptr || worker.request->in_worker > longest->request->in_worker) {
      longest = &worker;
    }
  }
  return longest;
}

std::string explain_wait(const Diagnosis& d, const RequestSight& head) {
  const Status& s = d.status;
  const std::string who = fmt::format("{} has waited for {}", name_of(head), seconds(head.age));
  if (s.admission == "paused") return who + ": the pool is paused; resume it";
  if (head.worker != 0) {
    const WorkerSight* worker = find(d, head.worker);
    return fmt::format("{} for worker {} alone, to which its session {} is bound: {}", who,
                       head.worker, wire::excerpt(head.session),
                       worker == nullptr ? "that one is about to leave" : busy(*worker));
  }
  const std::uint32_t alive = s.idle + s.busy + s.degraded;
  if (alive == 0 && d.start_failures > 0) return who + ": no worker is alive; " + starts(d);
  if (alive == 0) {
    return fmt::format("{}: no worker is ready yet; {} are starting", who, s.starting);
  }
  if (const WorkerSight* longest = longest_busy(d)) {
    std::string text =
        s.busy >= alive ? fmt::format("{}: all {} workers are busy", who, alive)
                        : fmt::format("{}: {} of {} workers are busy, the others get no work now",
                                      who, s.busy, alive);
    text += "; " + busy(*longest);
    if (d.start_failures > 0) text += "; besides, " + starts(d);
    return text;
  }
  return fmt::format("{}: its {} workers are being looked at, or owe a late reply", who, alive);
}

std::string explain_nobody_waits(const Diagnosis& d) {
  const Status& s = d.status;
  if (s.stopping) return "nobody waits: the pool is stopping";
  if (s.admission == "draining") {
    return fmt::format(
        "nobody waits: the pool is draining, and turns away who comes (pool_draining) until it is "
        "resumed; {} requests are running",
        s.running);
  }
  if (s.start_circuit_open) {
    return "nobody waits, since everybody is turned away (workers_unavailable): no worker is "
           "alive, "
           "and " +
           starts(d);
  }
  for (const BreakerStatus& breaker : s.breakers) {
    if (breaker.state != CircuitState::open && breaker.state != CircuitState::forced_open) continue;
    std::string text = fmt::format(
        "nobody waits: the circuit {} is open, for the {}. time, and turns its calls away "
        "(circuit_open; {} so far)",
        wire::excerpt(breaker.key), breaker.opened, breaker.rejected);
    if (breaker.state == CircuitState::forced_open) return text + "; an operator holds it open";
    text += fmt::format("; trials are let through in {}", seconds(breaker.retry_after));
    if (!d.pausing.empty())
      text += fmt::format("; {} calls pause before a retry", d.pausing.size());
    return text;
  }
  if (const WorkerSight* longest = longest_busy(d)) {
    return "nobody waits; " + busy(*longest);
  }
  return fmt::format("nobody waits: {} workers are idle", s.idle);
}

}  // namespace

std::string_view to_string(ProcessState state) {
  switch (state) {
    case ProcessState::unknown:
      return "unknown";
    case ProcessState::running:
      return "running";
    case ProcessState::sleeping:
      return "sleeping";
    case ProcessState::blocked:
      return "blocked";
    case ProcessState::stopped:
      return "stopped";
    case ProcessState::dead:
      return "dead";
  }
  return "?";
}

std::string explain(const Diagnosis& diagnosis) {
  if (diagnosis.queue.empty()) return explain_nobody_waits(diagnosis);
  return explain_wait(diagnosis, diagnosis.queue.front());
}

}  // namespace ordeal::pool

#include "chaos/faults/kill_worker.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "chaos/faults/process_look.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/load/history.hpp"

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;
using trial::time_now;

Victim& skip(Victim& victim, std::string reason) {
  victim.state = Victim::State::skipped;
  victim.reason = std::move(reason);
  return victim;
}

bool still_serves(const WorkerId& id, const pool::Status& status) {
  return std::any_of(status.workers.begin(), status.workers.end(), [&id](const auto& worker) {
    return worker.worker == id.worker && worker.pid == id.pid && serves(worker);
  });
}

}  // namespace

std::string KillWorker::describe() const {
  return fmt::format("{}, proved within {} ms",
                     signal == SIGKILL ? "SIGKILL" : fmt::format("signal {}", signal),
                     proof_max.count());
}

std::string_view to_string(Victim::State state) {
  switch (state) {
    case Victim::State::skipped:
      return "skipped";
    case Victim::State::selected:
      return "selected";
    case Victim::State::injected:
      return "injected";
    case Victim::State::unproved:
      return "unproved";
    case Victim::State::proved:
      return "proved";
    case Victim::State::recovered:
      return "recovered";
  }
  return "?";
}

bool Victim::is_dead() const { return runtime::is_readable_now(pidfd.get()); }

Victim hold(const WorkerId& id, const Target& target, const std::function<pool::Status()>& status) {
  Victim victim;
  victim.id = id;
  victim.target = target;
  victim.pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, id.pid, 0)));
  if (!victim.pidfd) {
    return std::move(skip(victim, fmt::format("pidfd_open: {}", std::strerror(errno))));
  }
  // The pid may have been given to another process between the status and the pidfd.
  if (!still_serves(id, status())) {
    return std::move(skip(victim, "no longer serves under this pid"));
  }
  victim.was_child = look_at_process(id.pid).parent == getpid();
  if (!victim.was_child) return std::move(skip(victim, "not a child of this process"));
  if (victim.is_dead()) return std::move(skip(victim, "died by itself"));
  victim.state = Victim::State::selected;
  victim.selected_at = time_now();
  return victim;
}

void inject(Victim& victim, const KillWorker& fault) {
  if (syscall(SYS_pidfd_send_signal, victim.pidfd.get(), fault.signal, nullptr, 0) != 0) {
    skip(victim, fmt::format("pidfd_send_signal: {}", std::strerror(errno)));
    return;
  }
  victim.injected_at = time_now();
  victim.state = Victim::State::injected;
}

void prove(Victim& victim, const KillWorker& fault) {
  pollfd death{.fd = victim.pidfd.get(), .events = POLLIN, .revents = 0};
  const auto until = pool::core::after(runtime::to_instant(victim.injected_at), fault.proof_max);
  if (runtime::poll_until({&death, 1}, until) > 0) {
    victim.state = Victim::State::proved;
    victim.proved_at = time_now();
  } else {
    victim.state = Victim::State::unproved;
    victim.reason = fmt::format("still alive {} ms after the signal", fault.proof_max.count());
  }
}

}  // namespace ordeal::chaos

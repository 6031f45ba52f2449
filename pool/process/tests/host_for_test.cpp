// A host to be killed: starts a warden and workers as its scenario says, reports their pids on
// stdout, and goes on until it is ended.
//
//   host_for_test <scenario> [seed]
//
// Lines on stdout: "warden <pid>", "worker <pid>", "copy <pid>", then "ready". Then it waits for
// stdin to close, and leaves properly. To add a scenario: a function, and a line in `scenarios`.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <random>

#include "pool/process/raw_syscall.hpp"
#include "pool/process/tests/support.hpp"
#include "pool/process/warden.hpp"

namespace ordeal::pool::process {
namespace {

// Hangs for ever. tail's own stdout is not the pipe to the host: it would notice that break, and
// end by itself, which proves nothing.
#define HANG "tail -f /dev/null >/dev/null"

constexpr const char* busy = "while :; do :; done";
constexpr const char* stubborn = "trap '' TERM INT HUP PIPE; exec " HANG;
constexpr const char* family = HANG " & (trap '' TERM; " HANG ") & exec " HANG;
constexpr const char* leaves_family = HANG " & exit 0";
constexpr const char* all_kinds[] = {busy, stubborn, family, leaves_family};

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(1, text.data(), text.size()) < 0) std::_Exit(3);
}

[[noreturn]] void give_up(const Error& error) {
  say("error " + error.message);
  std::_Exit(2);
}

[[nodiscard]] Warden start_warden() {
  Result<Warden> warden = Warden::start();
  if (!warden) give_up(warden.error());
  say(fmt::format("warden {}", warden->pid()));
  return std::move(*warden);
}

[[nodiscard]] WorkerProcess start_worker(const Warden& warden, const std::string& script,
                                         SpawnHook* hook = nullptr) {
  SpawnRequest request = shell(script);
  request.lifeline = warden.lifeline();
  request.hook = hook;
  Result<WorkerProcess> worker = spawn(request);
  if (!worker) give_up(worker.error());
  say(fmt::format("worker {}", worker->pid()));
  return std::move(*worker);
}

void wait_until_told_to_leave() {
  say("ready");
  char byte = 0;
  while (::read(0, &byte, 1) > 0) {
  }
}

void leave_properly(Warden& warden, std::deque<WorkerProcess>& workers) {
  for (WorkerProcess& worker : workers) {
    (void)worker.signal_group(SIGKILL);
    (void)worker.reap_within(patience);
    (void)warden.unregister_group(worker.group());
  }
}

void steady(unsigned) {
  Warden warden = start_warden();
  std::deque<WorkerProcess> workers;
  for (const char* kind : all_kinds) workers.push_back(start_worker(warden, kind));
  wait_until_told_to_leave();
  leave_properly(warden, workers);
}

// Dies in the middle of whatever it is doing: no point of its life is special.
void churn(unsigned seed) {
  std::mt19937 random(seed);
  Warden warden = start_warden();
  std::deque<WorkerProcess> workers;
  say("ready");
  for (;;) {
    if (workers.size() < 6 && random() % 3 != 0) {
      workers.push_back(start_worker(warden, all_kinds[random() % 4]));
    } else if (!workers.empty()) {
      WorkerProcess& oldest = workers.front();
      if (random() % 2 == 0) (void)oldest.signal_group(SIGKILL);
      if (random() % 2 == 0) (void)oldest.signal_leader(SIGKILL);
      (void)oldest.signal_group(SIGKILL);
      (void)oldest.reap_within(patience);
      (void)warden.unregister_group(oldest.group());
      workers.pop_front();
    }
  }
}

// Holds the child of a spawn at one step until stdin, the test's pipe, has a byte or is closed. Raw
// system calls: it runs in the child. By copies of 0 and 1, where the child may have its pipes
// already.
class Stall final : public SpawnHook {
 public:
  explicit Stall(SpawnStep step)
      : step_(step), in_(::fcntl(0, F_DUPFD_CLOEXEC, 3)), out_(::fcntl(1, F_DUPFD_CLOEXEC, 3)) {}
  int before(SpawnStep step) noexcept override {
    if (step != step_) return 0;
    const long pid = raw_syscall(SYS_getpid);
    char digits[] = "worker 0000000000\nready\n";
    long left = pid;
    for (int at = 16; at >= 7; --at, left /= 10) digits[at] = static_cast<char>('0' + left % 10);
    (void)raw_syscall(SYS_write, out_.get(), digits, sizeof digits - 1);
    char byte = 0;
    while (raw_syscall(SYS_read, in_.get(), &byte, 1) == -EINTR) {
    }
    return 0;
  }

 private:
  SpawnStep step_;
  FileDescriptor in_;
  FileDescriptor out_;
};

void stalled(SpawnStep step) {
  Warden warden = start_warden();
  const WorkerProcess other = start_worker(warden, stubborn);
  Stall stall(step);
  const WorkerProcess worker = start_worker(warden, family, &stall);
}

void stalled_before_registration(unsigned) { stalled(SpawnStep::registered); }
void stalled_before_exec(unsigned) { stalled(SpawnStep::executed); }

void forked_copy(unsigned) {
  Warden warden = start_warden();
  std::deque<WorkerProcess> workers;
  for (const char* kind : all_kinds) workers.push_back(start_worker(warden, kind));
  const int copy = ::fork();
  if (copy == 0) {
    for (;;) ::pause();
  }
  say(fmt::format("copy {}", copy));
  wait_until_told_to_leave();
}

// The copy runs all destructors and leaves: that must not hurt the host.
void forked_copy_leaves(unsigned) {
  Warden warden = start_warden();
  std::deque<WorkerProcess> workers;
  workers.push_back(start_worker(warden, family));
  const int copy = ::fork();
  if (copy == 0) return;
  siginfo_t info{};
  (void)raw_syscall(SYS_waitid, 1L /* P_PID */, copy, &info, 4L /* WEXITED */, nullptr);
  const bool all_live = is_alive(workers.front().pidfd()) && is_alive(warden.pidfd());
  say(all_live ? "all live" : "the copy's end has killed");
  wait_until_told_to_leave();
  leave_properly(warden, workers);
}

void loses_warden(unsigned) {
  Warden warden = start_warden();
  std::deque<WorkerProcess> workers;
  for (const char* kind : all_kinds) workers.push_back(start_worker(warden, kind));
  ::kill(warden.pid(), SIGKILL);
  if (!becomes_readable(warden.pidfd())) say("error the warden's death was not noticed");
  SpawnRequest request = shell(busy);
  request.lifeline = warden.lifeline();
  const Result<WorkerProcess> refused = spawn(request);
  say(refused ? "error a worker started without a warden" : refused.error().message);
  std::vector<LiveGroup> live;
  for (const WorkerProcess& worker : workers) live.push_back({worker.group(), worker.pidfd()});
  const Result<void> restarted = warden.restart(live);
  if (!restarted) give_up(restarted.error());
  say(fmt::format("warden {}", warden.pid()));
  workers.push_back(start_worker(warden, busy));
  wait_until_told_to_leave();
  leave_properly(warden, workers);
}

// The documented limit.
void escapes_by_setsid(unsigned) {
  Warden warden = start_warden();
  const WorkerProcess worker =
      start_worker(warden, "setsid sh -c 'echo $$; exec " HANG "' & exec " HANG);
  say("worker " + read_line(worker.pipes().from_worker.get()));
  wait_until_told_to_leave();
}

const std::map<std::string, std::function<void(unsigned)>> scenarios{
    {"steady", steady},
    {"churn", churn},
    {"stalled_before_registration", stalled_before_registration},
    {"stalled_before_exec", stalled_before_exec},
    {"forked_copy", forked_copy},
    {"forked_copy_leaves", forked_copy_leaves},
    {"loses_warden", loses_warden},
    {"escapes_by_setsid", escapes_by_setsid},
};

}  // namespace
}  // namespace ordeal::pool::process

int main(int count, char** arguments) {
  using ordeal::pool::process::scenarios;
  const auto found = count >= 2 ? scenarios.find(arguments[1]) : scenarios.end();
  if (found == scenarios.end()) {
    ordeal::pool::process::say("usage: host_for_test <scenario> [seed]; scenarios:");
    for (const auto& [name, run] : scenarios) ordeal::pool::process::say("  " + name);
    return 64;
  }
  found->second(count >= 3 ? static_cast<unsigned>(std::strtoul(arguments[2], nullptr, 0)) : 1);
  return 0;
}

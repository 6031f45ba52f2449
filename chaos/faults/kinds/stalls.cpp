// The host itself stalls: all of its threads, or its observers; or signals rain on it.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "chaos/faults/registry.hpp"
#include "pool/process/data_file.hpp"
#include "pool/runtime/clock.hpp"

extern char** environ;

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;

// --- the whole process, by SIGSTOP from outside ------------------------------------------------

// A thread that looks at the clock every few milliseconds: a stop of the process is a gap.
class Heartbeat {
 public:
  Heartbeat() : thread_([this] { beat(); }) {}
  ~Heartbeat() {
    ended_.store(true);
    wake_.notify();
    thread_.join();
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  [[nodiscard]] milliseconds longest_gap() const { return milliseconds{longest_ms_.load()}; }

 private:
  void beat() {
    TimePoint last = time_now();
    while (!ended_.load()) {
      const std::uint32_t ticket = wake_.ticket();
      wake_.wait_until(pool::core::after(runtime::now(), milliseconds{2}), ticket);
      const TimePoint now = time_now();
      const auto gap = std::chrono::duration_cast<milliseconds>(now - last).count();
      longest_ms_.store(std::max<std::int64_t>(longest_ms_.load(), gap));
      last = now;
    }
  }
  std::atomic<bool> ended_{false};
  std::atomic<std::int64_t> longest_ms_{0};
  runtime::WakeWord wake_;
  std::thread thread_;
};

std::string relay_program(const Site& site) {
  if (!site.relay_program.empty()) return site.relay_program;
  return pool::process::program_beside("ordeal-relay");
}

Attempt<void> stall(Strike& strike, Site&) {
  strike.resource = std::make_shared<Heartbeat>();
  std::string program = strike.memo["program"];
  std::string pid = std::to_string(getpid());
  std::string ms = std::to_string(strike.value("stall_ms"));
  std::string flag = "--stall";
  char* arguments[] = {program.data(), flag.data(), pid.data(), ms.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ);
  if (error != 0) return tl::unexpected(fmt::format("{}: {}", program, std::strerror(error)));
  waitpid(child, nullptr, 0);  // it forks and goes at once
  return {};
}

FaultKind stall_host_kind() {
  FaultKind kind{.name = "stall_host",
                 .summary = "the host stands still (SIGSTOP from outside), then goes on",
                 .proof = "the gap in this process's heartbeat",
                 .expected = "replies that are there count before deadlines do; no mass kill",
                 .aim = Aim::host,
                 .options = {{"stall_ms", 10, 60'000, 200, "so long"}}};
  kind.permit = [](const Site& site) {
    return access(relay_program(site).c_str(), X_OK) == 0
               ? Permit{}
               : refused_because("ordeal-relay is not beside this program");
  };
  kind.plan = [](Strike& strike, Site& site) -> Attempt<void> {
    strike.memo["program"] = relay_program(site);
    return {};
  };
  kind.inject = stall;
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    const auto* heartbeat = static_cast<const Heartbeat*>(strike.resource.get());
    if (heartbeat == nullptr) return {};
    const milliseconds gap = heartbeat->longest_gap();
    if (gap.count() * 10 < strike.value("stall_ms") * 8) return {};
    return fmt::format("no heartbeat for {} ms", gap.count());
  };
  undo_by_release(kind);
  return kind;
}

// --- observers that do not return --------------------------------------------------------------

struct SlowSink {
  std::atomic<bool> released{false};
  std::atomic<std::uint64_t> held{0};
  runtime::WakeWord wake;
  pool::Subscription subscription;
};

Attempt<void> hold_sink(Strike& strike, Site& site) {
  auto slow = std::make_shared<SlowSink>();
  slow->subscription = site.subscribe([slow](const pool::PoolEvent&) {
    if (slow->released.load()) return;
    slow->held.fetch_add(1);
    while (!slow->released.load()) {
      const std::uint32_t ticket = slow->wake.ticket();
      if (!slow->released.load()) slow->wake.wait_until(pool::core::never, ticket);
    }
  });
  strike.resource = slow;
  return {};
}

FaultKind stall_observer_kind() {
  FaultKind kind{.name = "stall_observer",
                 .summary = "an observer of the pool's events that does not return",
                 .proof = "the pool's callback thread is inside it",
                 .expected = "calls go on; events beyond a bound are dropped, and counted",
                 .aim = Aim::host};
  kind.inject = hold_sink;
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    auto* slow = static_cast<SlowSink*>(strike.resource.get());
    if (slow == nullptr || slow->held.load() == 0) return {};
    return "an event was delivered, and is being held";
  };
  kind.undo = [](const json&, std::shared_ptr<void>& resource) -> Attempt<std::string> {
    if (auto* slow = static_cast<SlowSink*>(resource.get()); slow != nullptr) {
      slow->released.store(true);
      slow->wake.notify();
      slow->subscription.reset();  // also breaks the circle
      resource.reset();
    }
    return "the observer returns";
  };
  kind.undone = [](const json&) { return true; };
  return kind;
}

// --- signals -----------------------------------------------------------------------------------

std::atomic<std::uint64_t> signals_handled{0};

void count_signal(int) { signals_handled.fetch_add(1); }

// Restores the disposition that was.
struct Handler {
  Handler() {
    struct sigaction action {};
    action.sa_handler = count_signal;  // without SA_RESTART: system calls return EINTR
    sigaction(SIGURG, &action, &before);
  }
  ~Handler() { sigaction(SIGURG, &before, nullptr); }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  struct sigaction before {};
};

TimePoint rain(Strike& strike, Site&) {
  if (strike.resource == nullptr) return TimePoint::max();  // no handler: a signal might end us
  for (std::int64_t i = 0; i < strike.value("burst"); ++i) kill(getpid(), SIGURG);
  strike.memo["sent"] = strike.memo.value("sent", std::int64_t{0}) + strike.value("burst");
  return time_now() + milliseconds{strike.value("every_ms")};
}

FaultKind signal_storm_kind() {
  FaultKind kind{.name = "signal_storm",
                 .summary = "signals with a handler rain on the host: EINTR everywhere",
                 .proof = "the handler has run",
                 .expected = "nothing",
                 .aim = Aim::host,
                 .options = {{"burst", 1, 10'000, 10, "signals at once"},
                             {"every_ms", 1, 10'000, 5, "between two bursts"}}};
  kind.inject = [](Strike& strike, Site& site) -> Attempt<void> {
    strike.resource = std::make_shared<Handler>();
    strike.memo["before"] = signals_handled.load();
    strike.step_due = rain(strike, site);
    return {};
  };
  kind.step = rain;
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    const std::uint64_t handled =
        signals_handled.load() - strike.memo.value("before", signals_handled.load());
    if (handled == 0) return {};
    return fmt::format("{} handled of {} sent", handled, strike.memo["sent"].get<std::int64_t>());
  };
  undo_by_release(kind);
  return kind;
}

}  // namespace

void add_stalls(std::vector<FaultKind>& kinds) {
  kinds.push_back(stall_host_kind());
  kinds.push_back(stall_observer_kind());
  kinds.push_back(signal_storm_kind());
}

}  // namespace ordeal::chaos

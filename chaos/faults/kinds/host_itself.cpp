// The host that the pool is a guest of: its wall clock jumps, one of the pool's threads stands
// still, another host with the same sessions is killed.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "chaos/faults/registry.hpp"
#include "chaos/faults/wall_clock.hpp"
#include "pool/process/data_file.hpp"

extern char** environ;

namespace ordeal::chaos {
namespace {

using std::chrono::milliseconds;

bool is_own(const json& record) { return record.value("host_pid", 0) == getpid(); }

// --- the wall clock ------------------------------------------------------------------------------

FaultKind clock_kind() {
  FaultKind kind{
      .name = "jump_clock",
      .summary = "the wall clock jumps, as this host sees it; the machine's own does not",
      .proof = "system_clock differs from the kernel's clock by so much",
      .expected = "no deadline is early or late; sessions expire by the wall clock alone",
      .aim = Aim::host,
      .options = {{"jump_ms", -86'400'000, 86'400'000, 600'000, "forward, or back"}}};
  kind.plan = [](Strike& strike, Site&) -> Attempt<void> {
    strike.record = {{"host_pid", getpid()}};
    return {};
  };
  kind.inject = [](Strike& strike, Site&) -> Attempt<void> {
    set_wall_clock_offset(milliseconds{strike.value("jump_ms")});
    return {};
  };
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    constexpr std::int64_t reading_max_ms = 500;
    const std::int64_t seen = seen_wall_clock_offset().count();
    if (std::abs(seen - strike.value("jump_ms")) > reading_max_ms ||
        wall_clock_offset().count() == 0) {
      return {};
    }
    return fmt::format("system_clock is {} ms from the kernel's", seen);
  };
  kind.undo = [](const json& record, std::shared_ptr<void>&) -> Attempt<std::string> {
    if (!is_own(record)) return std::string{gone};
    const std::int64_t offset = wall_clock_offset().count();
    set_wall_clock_offset({});
    return fmt::format("the wall clock was {} ms off", offset);
  };
  kind.undone = [](const json& record) {
    return !is_own(record) || wall_clock_offset().count() == 0;
  };
  return kind;
}

// --- one thread ----------------------------------------------------------------------------------

std::string helper_program(const Site& site) {
  if (!site.relay_program.empty()) return site.relay_program;
  return pool::process::program_beside("ordeal-relay");
}

Permit permit_helper(const Site& site) {
  return access(helper_program(site).c_str(), X_OK) == 0
             ? Permit{}
             : refused_because("ordeal-relay is not beside this program");
}

// The thread of this process that has this name; 0: none.
int thread_called(std::string_view name) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/task", ignored}) {
    std::string comm = read_small_file(entry.path() / "comm");
    if (!comm.empty() && comm.back() == '\n') comm.pop_back();
    if (comm == name) return std::atoi(entry.path().filename().c_str());
  }
  return 0;
}

// 't': stopped by a tracer.
char state_of_thread(int thread) {
  const std::string stat = read_small_file(fmt::format("/proc/self/task/{}/stat", thread));
  const std::size_t at = stat.rfind(") ");
  return at == stat.npos ? '?' : stat[at + 2];
}

Attempt<void> stall_thread(Strike& strike, Site&) {
  // Where Yama restricts tracing to ancestors, the helper is let in by name of "anybody".
  (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  std::string program = strike.memo["program"];
  std::string flag = "--stall-thread";
  std::string thread = std::to_string(strike.record["thread"].get<int>());
  std::string ms = std::to_string(strike.value("stall_ms"));
  char* arguments[] = {program.data(), flag.data(), thread.data(), ms.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ);
  if (error != 0) return tl::unexpected(fmt::format("{}: {}", program, std::strerror(error)));
  waitpid(child, nullptr, 0);  // it forks and goes at once
  return {};
}

FaultKind housekeeper_kind() {
  FaultKind kind{
      .name = "stall_housekeeper",
      .summary = "the pool's housekeeper thread stands still, its callers do not",
      .proof = "/proc says that the thread is in state t at two looks",
      .expected = "calls go on by the workers there are; starts and timers are made up for",
      .aim = Aim::host,
      .options = {{"stall_ms", 10, 60'000, 150, "so long"}}};
  kind.permit = permit_helper;
  kind.plan = [](Strike& strike, Site& site) -> Attempt<void> {
    strike.memo["program"] = helper_program(site);
    const int thread = thread_called("ordeal-house");
    if (thread == 0) return tl::unexpected(std::string{"this process has no thread ordeal-house"});
    strike.record = {{"host_pid", getpid()}, {"thread", thread}};
    return {};
  };
  kind.inject = stall_thread;
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    if (state_of_thread(strike.record["thread"].get<int>()) != 't') return {};
    const int looks = strike.memo.value("looks", 0) + 1;
    strike.memo["looks"] = looks;
    if (looks < 2) return {};
    return fmt::format("thread {} is in state t", strike.record["thread"].get<int>());
  };
  // It goes on by itself; the tracer's end, however it comes, lets it go.
  kind.undo = [](const json& record, std::shared_ptr<void>&) -> Attempt<std::string> {
    if (!is_own(record)) return std::string{gone};
    if (state_of_thread(record["thread"].get<int>()) == 't') {
      return tl::unexpected(std::string{"the thread is still held"});
    }
    return "the thread runs";
  };
  kind.undone = [](const json& record) {
    return !is_own(record) || state_of_thread(record["thread"].get<int>()) != 't';
  };
  return kind;
}

// --- another host --------------------------------------------------------------------------------

// A process that counts up in a session of the same store, and says each time that it was told
// "stored". It ends with this object.
struct OtherHost {
  OtherHost() = default;
  OtherHost(const OtherHost&) = delete;
  OtherHost& operator=(const OtherHost&) = delete;
  ~OtherHost() { end(); }
  void end() {
    if (child == 0) return;
    ::kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    child = 0;
  }
  void read_told() {
    char part[256];
    ssize_t got = 0;
    while ((got = read(told.get(), part, sizeof part)) > 0) acknowledged += got;
  }
  pool::process::FileDescriptor told;  // a byte for each acknowledgement
  pid_t child = 0;
  std::int64_t acknowledged = 0;
};

Attempt<void> start_other_host(Strike& strike, Site& site) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return tl::unexpected(fmt::format("pipe: {}", std::strerror(errno)));
  }
  auto host = std::make_shared<OtherHost>();
  host->told.reset(ends[0]);
  const pool::process::FileDescriptor to_us{ends[1]};
  std::string program = helper_program(site);
  std::string flag = "--session-host";
  std::string store = site.store_file;
  std::string session = strike.memo["session"];
  char* arguments[] = {program.data(), flag.data(), store.data(), session.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to_us.get(), STDOUT_FILENO);
  const int error =
      posix_spawn(&host->child, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    host->child = 0;
    return tl::unexpected(fmt::format("{}: {}", program, std::strerror(error)));
  }
  strike.resource = host;
  return {};
}

// Killed between an acknowledgement and whatever it would have done next.
std::optional<std::string> kill_when_acknowledged(Strike& strike, Site& site) {
  auto* host = static_cast<OtherHost*>(strike.resource.get());
  if (host == nullptr) return {};
  host->read_told();
  if (host->acknowledged < strike.value("updates")) return {};
  const pid_t pid = host->child;
  host->end();
  host->read_told();
  site.acknowledged[strike.memo["session"]] = static_cast<std::uint64_t>(host->acknowledged);
  return fmt::format("{} updates were acknowledged to host {}, then SIGKILL; it was reaped",
                     host->acknowledged, pid);
}

FaultKind other_host_kind() {
  FaultKind kind{.name = "kill_host",
                 .summary = "another host that writes into the same sessions is killed",
                 .proof = "so many updates were acknowledged to it, and its end was reaped",
                 .expected = "what was acknowledged is in the store; nobody else notices",
                 .aim = Aim::store,
                 .undoes = false,
                 .options = {{"updates", 1, 100'000, 20, "acknowledged before it is killed"}}};
  kind.permit = [](const Site& site) {
    if (site.store_file.empty()) return refused_because("pool.session_store is not sqlite:{store}");
    return permit_helper(site);
  };
  kind.plan = [](Strike& strike, Site&) -> Attempt<void> {
    strike.memo["session"] = fmt::format("other-host-{}", strike.number);
    return {};
  };
  kind.inject = start_other_host;
  kind.prove = kill_when_acknowledged;
  return kind;
}

}  // namespace

void add_host_itself(std::vector<FaultKind>& kinds) {
  kinds.push_back(clock_kind());
  kinds.push_back(housekeeper_kind());
  kinds.push_back(other_host_kind());
}

}  // namespace ordeal::chaos

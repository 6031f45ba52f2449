// What a process does, from /proc: for telling busy from stuck (core/vigil.hpp).
//
// Two readings of a process whose threads all wait, with equal traces, mean that none of them has
// run in between: the trace holds how often each thread has been given a processor. Where the
// kernel does not tell a system call's arguments, nothing is called locked.
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include "pool/runtime/proc.hpp"

namespace ordeal::pool::runtime {
namespace {

namespace fs = std::filesystem;

// As ordeal_worker/heartbeat.py names its thread.
constexpr std::string_view heartbeat_thread = "ordeal-beat";

std::string first_line(const fs::path& path) {
  std::ifstream file{path};
  std::string line;
  std::getline(file, line);
  return line;
}

void mix(std::uint64_t& trace, std::string_view text) {  // FNV-1a
  for (const char c : text) trace = (trace ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}

// How often it has run. The third number of schedstat; kernels without that say it in two lines.
std::string times_run(const fs::path& task) {
  const std::string statistics = first_line(task / "schedstat");
  if (!statistics.empty() && statistics != "0 0 0") return statistics;
  std::ifstream status{task / "status"};
  std::string switches;
  for (std::string line; std::getline(status, line);) {
    if (line.find("ctxt_switches:") != std::string::npos) switches += line;
  }
  return switches;
}

// `call`: the number of the system call, and its arguments in hexadecimal.
bool waits_for_a_lock_without_end(const std::string& call) {
  std::istringstream words{call};
  long number = -1;
  std::array<std::uint64_t, 4> arguments{};
  if (!(words >> number) || number != SYS_futex) return false;
  for (std::uint64_t& argument : arguments) {
    std::string word;
    if (!(words >> word)) return false;
    argument = std::strtoull(word.c_str(), nullptr, 16);
  }
  const auto operation = static_cast<int>(arguments[1]);
  const int command = operation & FUTEX_CMD_MASK;
  const bool waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET ||
                     command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2;
  const bool without_end = arguments[3] == 0;
  // A lock that is shared with other processes may be released by them.
  return waits && without_end && (operation & FUTEX_PRIVATE_FLAG) != 0;
}

bool may_be_woken_from_outside(int pid, const fs::path& task) {
  if (!first_line(task / "children").empty()) return true;
  return catches_signal(pid, SIGALRM) || catches_signal(pid, SIGVTALRM) ||
         catches_signal(pid, SIGPROF);
}

}  // namespace

core::Sign sign_of(int pid) {
  core::Sign sign;
  sign.trace = 0xcbf29ce484222325ULL;
  bool all_locked = true;
  bool any_runs = false;
  std::error_code error;
  for (fs::directory_iterator at{fmt::format("/proc/{}/task", pid), error};
       !error && at != fs::directory_iterator{}; at.increment(error)) {
    const fs::path& task = at->path();
    if (first_line(task / "comm") == heartbeat_thread) continue;
    const char state = state_letter(task / "stat");
    if (state == 'T') {
      sign.activity = core::Activity::stopped;
      mix(sign.trace, times_run(task));
      continue;
    }
    any_runs = any_runs || state == 'R';
    const std::string call = first_line(task / "syscall");
    all_locked = all_locked && state == 'S' && waits_for_a_lock_without_end(call) &&
                 !may_be_woken_from_outside(pid, task);
    mix(sign.trace, task.filename().native());
    mix(sign.trace, times_run(task));
    mix(sign.trace, call);
  }
  if (sign.trace == 0xcbf29ce484222325ULL) return {};  // nothing could be read
  if (sign.activity == core::Activity::stopped) return sign;
  sign.activity = any_runs     ? core::Activity::computes
                  : all_locked ? core::Activity::locked
                               : core::Activity::waits;
  return sign;
}

}  // namespace ordeal::pool::runtime

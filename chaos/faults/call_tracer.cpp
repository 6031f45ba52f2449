#include "chaos/faults/call_tracer.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "chaos/faults/held_process.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;

#if defined(__x86_64__)
constexpr std::uint32_t native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t native = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t native = 0;
#endif

constexpr int of_system_call = SIGTRAP | 0x80;
constexpr int no_thread = __WALL | __WNOTHREAD;  // tracees of the calling thread alone

// The request constants are an enum of glibc's in C++, and macros of the kernel's here.
template <typename Request>
long trace(Request request, pid_t thread, std::uintptr_t address = 0, std::uintptr_t data = 0) {
  return syscall(SYS_ptrace, request, thread, address, data);
}

template <typename T>
std::uintptr_t place_of(T& value) {
  return reinterpret_cast<std::uintptr_t>(&value);
}

// The call that the thread is about to make becomes none; its end is still a stop.
bool make_no_call(pid_t thread) {
#if defined(__x86_64__)
  return trace(PTRACE_POKEUSER, thread, offsetof(user, regs.orig_rax), ~std::uintptr_t{0}) == 0;
#elif defined(__aarch64__)
  int none = -1;
  iovec part{&none, sizeof none};
  return trace(PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, place_of(part)) == 0;
#else
  return thread < 0;
#endif
}

bool set_result(pid_t thread, long result) {
#if defined(__x86_64__)
  return trace(PTRACE_POKEUSER, thread, offsetof(user, regs.rax),
               static_cast<std::uintptr_t>(result)) == 0;
#elif defined(__aarch64__)
  user_regs_struct registers{};
  iovec part{&registers, sizeof registers};
  if (trace(PTRACE_GETREGSET, thread, NT_PRSTATUS, place_of(part)) != 0) return false;
  registers.regs[0] = static_cast<std::uintptr_t>(result);
  return trace(PTRACE_SETREGSET, thread, NT_PRSTATUS, place_of(part)) == 0;
#else
  return result == 0 && thread < 0;
#endif
}

__ptrace_syscall_info look_at(pid_t thread) {
  __ptrace_syscall_info info{};
  if (trace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, place_of(info)) <= 0) return {};
  return info;
}

// A wake signal may come just before the wait begins that it is to end.
constexpr std::chrono::milliseconds ask_again{2};

// Ends a wait of the tracer thread, and nothing else. Not SIGURG: that one is signal_storm's.
int wake_signal() { return SIGRTMIN + 5; }

void prepare_wake_signal() {
  static const bool done = [] {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // without SA_RESTART
    return sigaction(wake_signal(), &action, nullptr) == 0;
  }();
  (void)done;
}

std::string trouble(std::string_view what, int pid) {
  return fmt::format("{} of {}: {}", what, pid, std::strerror(errno));
}

}  // namespace

struct CallTracer::Shared {
  int pid = 0;
  CallFailure failure;
  std::atomic<std::uint64_t> told{0};
  std::atomic<std::uint64_t> seen{0};
  std::atomic<bool> is_to_end{false};
  std::string why_not;  // it could not seize the target: known when has_begun
  std::atomic<bool> has_begun{false};
  std::atomic<bool> has_ended{false};
  runtime::WakeWord changed;  // has_begun, has_ended
};

namespace {

// What the tracer thread does. Its end, wherever it comes, lets go all that is traced.
class Loop {
 public:
  Loop(int pid, const CallFailure& failure, std::atomic<std::uint64_t>& told,
       std::atomic<std::uint64_t>& seen, const std::atomic<bool>& is_to_end)
      : pid_(pid), failure_(failure), told_(told), seen_(seen), is_to_end_(is_to_end) {}

  // Empty: seized.
  std::string seize_all();
  void run();

 private:
  struct Thread {
    bool fails = false;  // between the two stops of a call that is made to fail
  };

  std::string seize(pid_t thread);
  void begin_letting_go();
  void handle(pid_t thread, int status);
  void handle_system_call(pid_t thread);
  void go_on(pid_t thread, int signal = 0);
  [[nodiscard]] bool matches(const __ptrace_syscall_info& info) const;

  int pid_;
  const CallFailure& failure_;
  std::atomic<std::uint64_t>& told_;
  std::atomic<std::uint64_t>& seen_;
  const std::atomic<bool>& is_to_end_;
  std::map<pid_t, Thread> threads_;
  bool letting_go_ = false;
};

std::string Loop::seize(pid_t thread) {
  constexpr std::uintptr_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
  if (trace(PTRACE_SEIZE, thread, 0, options) != 0) return trouble("tracing", thread);
  threads_.try_emplace(thread);
  // A call that it waits in is begun anew, and then seen.
  if (trace(PTRACE_INTERRUPT, thread) != 0) return trouble("interrupting", thread);
  return {};
}

// Until a look finds nobody new: a thread may begin another that is not seized yet.
std::string Loop::seize_all() {
  for (bool found = true; found;) {
    found = false;
    std::error_code gone;
    const std::string tasks = fmt::format("/proc/{}/task", pid_);
    for (const auto& entry : std::filesystem::directory_iterator{tasks, gone}) {
      const pid_t thread = std::atoi(entry.path().filename().c_str());
      if (threads_.contains(thread)) continue;
      const std::string refused = seize(thread);
      if (!refused.empty() && thread == pid_) return refused;
      found = found || refused.empty();
    }
    if (gone) return fmt::format("{}: {}", tasks, gone.message());
  }
  return {};
}

void Loop::begin_letting_go() {
  letting_go_ = true;
  for (auto thread = threads_.begin(); thread != threads_.end();) {
    const bool is_gone = trace(PTRACE_INTERRUPT, thread->first) != 0 && errno == ESRCH;
    thread = is_gone ? threads_.erase(thread) : std::next(thread);
  }
}

void Loop::run() {
  while (true) {
    const bool is_enough = told_.load() >= failure_.failures_max;
    if ((is_to_end_.load() || is_enough) && !letting_go_) begin_letting_go();
    if (letting_go_ && threads_.empty()) return;
    siginfo_t news{};
    // Only a look: the end of the process is for its parent to take.
    if (waitid(P_ALL, 0, &news, WSTOPPED | WEXITED | WNOWAIT | no_thread) != 0) {
      if (errno == EINTR) continue;
      return;  // nobody is left
    }
    const bool stopped = news.si_code == CLD_TRAPPED || news.si_code == CLD_STOPPED;
    if (!stopped && news.si_pid == pid_) return;
    const pid_t thread = news.si_pid;
    const int wanted = stopped ? WSTOPPED : WEXITED;
    news = {};
    if (waitid(P_PID, static_cast<id_t>(thread), &news, wanted | WNOHANG | no_thread) != 0 ||
        news.si_pid == 0) {
      continue;  // killed while it was stopped
    }
    if (stopped) {
      handle(thread, news.si_status);
    } else {
      threads_.erase(thread);
    }
  }
}

void Loop::handle(pid_t thread, int status) {
  const int signal = status & 0xff;
  const int event = status >> 8;
  if (signal == of_system_call) return handle_system_call(thread);
  if (event == PTRACE_EVENT_STOP) {
    const bool is_group_stop =
        signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
    if (!is_group_stop || letting_go_) return go_on(thread);
    threads_.try_emplace(thread);
    trace(PTRACE_LISTEN, thread);  // it stays stopped, as it would without us
    return;
  }
  // Of a new thread's birth its parent tells; a signal is passed on.
  go_on(thread, event != 0 ? 0 : signal);
}

bool Loop::matches(const __ptrace_syscall_info& info) const {
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.arch != native) return false;
  for (const long number : failure_.system_calls) {
    if (info.entry.nr == static_cast<std::uint64_t>(number)) return true;
  }
  return false;
}

void Loop::handle_system_call(pid_t thread) {
  Thread& of = threads_[thread];
  const __ptrace_syscall_info info = look_at(thread);
  if (of.fails) {
    of.fails = false;
    const bool set = set_result(thread, -failure_.error);
    const __ptrace_syscall_info after = look_at(thread);
    if (set && after.op == PTRACE_SYSCALL_INFO_EXIT && after.exit.rval == -failure_.error) {
      told_.fetch_add(1);
    }
  } else if (matches(info) && !letting_go_ && told_.load() < failure_.failures_max) {
    const std::uint64_t number = seen_.fetch_add(1) + 1;
    of.fails = number % failure_.nth == 0 && make_no_call(thread);
  }
  go_on(thread);
}

void Loop::go_on(pid_t thread, int signal) {
  const auto passed = static_cast<std::uintptr_t>(signal);
  const auto known = threads_.try_emplace(thread).first;
  if (letting_go_ && !known->second.fails) {
    trace(PTRACE_DETACH, thread, 0, passed);
    threads_.erase(known);
  } else {
    trace(PTRACE_SYSCALL, thread, 0, passed);
  }
}

}  // namespace

CallTracer::CallTracer(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

tl::expected<std::unique_ptr<CallTracer>, std::string> CallTracer::attach(
    int pid, const CallFailure& failure) {
  prepare_wake_signal();
  auto shared = std::make_shared<Shared>();
  shared->pid = pid;
  shared->failure = failure;
  std::unique_ptr<CallTracer> tracer{new CallTracer{shared}};
  tracer->thread_ = std::thread{[shared] {
    pthread_setname_np(pthread_self(), "chaos-tracer");
    Loop loop{shared->pid, shared->failure, shared->told, shared->seen, shared->is_to_end};
    shared->why_not = loop.seize_all();
    shared->has_begun.store(true);
    shared->changed.notify();
    if (shared->why_not.empty()) loop.run();
    shared->has_ended.store(true);
    shared->changed.notify();
  }};
  while (!shared->has_begun.load()) {
    const std::uint32_t ticket = shared->changed.ticket();
    if (!shared->has_begun.load()) shared->changed.wait_until(pool::core::never, ticket);
  }
  if (!shared->why_not.empty()) return tl::unexpected(shared->why_not);
  return tracer;
}

CallTracer::~CallTracer() {
  while (true) {
    const std::uint32_t ticket = shared_->changed.ticket();
    if (let_go()) break;
    shared_->changed.wait_until(pool::core::after(runtime::now(), ask_again), ticket);
  }
}

std::uint64_t CallTracer::told() const { return shared_->told.load(); }
std::uint64_t CallTracer::seen() const { return shared_->seen.load(); }

bool CallTracer::let_go() {
  if (!thread_.joinable()) return true;
  shared_->is_to_end.store(true);
  if (!shared_->has_ended.load()) {
    // Such signals queue: one after the other without a pause, they would leave the thread no time
    // for anything but them.
    if (const runtime::Instant at = runtime::now(); at >= pool::core::after(asked_at_, ask_again)) {
      asked_at_ = at;
      pthread_kill(thread_.native_handle(), wake_signal());
    }
    return false;
  }
  thread_.join();
  return true;
}

std::string why_not_traced() {
  static const std::string why_not = []() -> std::string {
    if (native == 0) return "system calls are failed on x86-64 and ARM64 only";
    const pid_t child = fork();
    if (child < 0) return trouble("a child", getpid());
    if (child == 0) {
      while (true) pause();
    }
    std::string refused;
    if (trace(PTRACE_SEIZE, child) != 0) refused = trouble("tracing", child);
    kill(child, SIGKILL);
    while (waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
    }
    return refused;
  }();
  return why_not;
}

int tracer_of(int pid) {
  const std::string status = read_small_file(fmt::format("/proc/{}/status", pid));
  constexpr std::string_view key = "TracerPid:";
  const std::size_t at = status.find(key);
  return at == status.npos ? 0 : std::atoi(status.c_str() + at + key.size());
}

}  // namespace ordeal::chaos

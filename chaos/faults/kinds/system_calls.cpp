// System calls of a worker that fail. Proof: what the kernel says at the stop behind the call that
// the worker was told.
#include <fmt/format.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "chaos/faults/call_tracer.hpp"
#include "chaos/faults/kinds/relayed.hpp"
#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

// Calls that do the same for a program: by the name of the best known. An architecture lacks some.
struct Family {
  std::string_view name;
  std::vector<long> numbers;
};

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"read", {SYS_read, SYS_readv, SYS_pread64}},
      {"write", {SYS_write, SYS_writev, SYS_pwrite64}},
      {"open",
       {
#ifdef SYS_open
           SYS_open,
#endif
           SYS_openat}},
      {"close", {SYS_close}},
      {"poll",
       {
#ifdef SYS_poll
           SYS_poll, SYS_select, SYS_epoll_wait,
#endif
           SYS_ppoll, SYS_pselect6, SYS_epoll_pwait}},
      {"fsync", {SYS_fsync, SYS_fdatasync}},
      {"mmap", {SYS_mmap, SYS_mremap}},
      {"clone",
       {
#ifdef SYS_fork
           SYS_fork, SYS_vfork,
#endif
           SYS_clone, SYS_clone3}},
      {"futex", {SYS_futex}},
      {"nanosleep", {SYS_nanosleep, SYS_clock_nanosleep}},
      {"socket", {SYS_socket, SYS_socketpair}},
      {"connect", {SYS_connect}},
      {"send", {SYS_sendto, SYS_sendmsg}},
      {"receive", {SYS_recvfrom, SYS_recvmsg}},
  };
  return all;
}

std::vector<NamedValue> family_names() {
  std::vector<NamedValue> names;
  for (std::size_t i = 0; i < families().size(); ++i) {
    names.push_back({families()[i].name, static_cast<std::int64_t>(i)});
  }
  return names;
}

std::vector<NamedValue> error_names() {
  constexpr std::array errors{EINTR, EAGAIN, EIO,    ENOSPC, ENOMEM, EMFILE,     ENFILE,   EDQUOT,
                              EFBIG, EBADF,  EPIPE,  EACCES, EPERM,  ENOENT,     EINVAL,   EFAULT,
                              EBUSY, EROFS,  ENOSYS, ENXIO,  ESTALE, ECONNRESET, ETIMEDOUT};
  std::vector<NamedValue> names;
  for (const int error : errors) names.push_back({strerrorname_np(error), error});
  return names;
}

std::string_view call_of(const Strike& strike) {
  return families()[static_cast<std::size_t>(strike.value("system_call"))].name;
}

// The relay is no part of a worker: who is struck is behind it.
std::optional<HeldProcess> tracee_of(const Strike& strike, const Site& site) {
  if (site.relay_folder.empty()) return HeldProcess::hold(strike.process.pid());
  const auto control = map_relay(site.relay_folder, strike.process.pid(), false);
  return HeldProcess::hold(control ? control->child_pid.load() : strike.process.pid());
}

Attempt<void> plan_failure(Strike& strike, Site& site) {
  const auto tracee = tracee_of(strike, site);
  if (!tracee) return tl::unexpected(std::string{"the worker behind the relay is gone"});
  strike.record = tracee->to_json();
  strike.record["let_go_by"] = "the tracer, a thread of the run; if that is killed, the kernel";
  return {};
}

Attempt<void> fail_calls(Strike& strike, Site&) {
  const auto& family = families()[static_cast<std::size_t>(strike.value("system_call"))];
  auto tracer =
      CallTracer::attach(strike.record["pid"].get<int>(),
                         {.system_calls = family.numbers,
                          .error = static_cast<int>(strike.value("error")),
                          .failures_max = static_cast<std::uint64_t>(strike.value("failures")),
                          .nth = static_cast<std::uint64_t>(strike.value("nth"))});
  if (!tracer) return tl::unexpected(std::move(tracer.error()));
  strike.resource = std::shared_ptr<CallTracer>{std::move(*tracer)};
  return {};
}

std::optional<std::string> prove_told(Strike& strike, Site&) {
  const auto* tracer = static_cast<const CallTracer*>(strike.resource.get());
  if (tracer == nullptr || tracer->told() == 0) return {};
  return fmt::format("pid {} was told {} by {} of {} calls of {}", strike.record["pid"].get<int>(),
                     strerrorname_np(static_cast<int>(strike.value("error"))), tracer->told(),
                     tracer->seen(), call_of(strike));
}

// In a later process there is no tracer: its end was the undoing.
Attempt<std::string> let_go(const json& record, std::shared_ptr<void>& resource) {
  if (auto* tracer = static_cast<CallTracer*>(resource.get()); tracer != nullptr) {
    if (!tracer->let_go()) return tl::unexpected(std::string{"it is still traced"});
    const std::uint64_t told = tracer->told();
    resource.reset();
    return fmt::format("let go, after {} failures", told);
  }
  const auto process = HeldProcess::find(record);
  if (!process) return std::string{gone};
  const int by = tracer_of(process->pid());
  if (by != 0) return tl::unexpected(fmt::format("{} still traces it", by));
  return "nobody traces it: the kernel has let it go when its tracer ended";
}

bool is_let_go(const json& record) {
  const auto process = HeldProcess::find(record);
  return !process || tracer_of(process->pid()) == 0;
}

}  // namespace

void add_system_calls(std::vector<FaultKind>& kinds) {
  static const std::vector<NamedValue> calls = family_names();
  static const std::vector<NamedValue> errors = error_names();
  FaultKind kind{
      .name = "fail_system_calls",
      .summary = "system calls of a worker fail with an error of your choice",
      .proof = "what the kernel says, at the stop behind the call, that the worker was told",
      .expected = "EINTR and EAGAIN: tried again, nobody notices; EIO on its pipes: replaced",
      .options = {{"system_call", 0, 0, 0, "which, with those that do the same", calls},
                  {"error", 0, 0, EIO, "what they are told", errors},
                  {"failures", 1, 1'000'000, 1, "so many at most, then it is over"},
                  {"nth", 1, 1'000'000, 1, "each n-th of these calls fails"}}};
  kind.permit = [](const Site&) {
    const std::string why_not = why_not_traced();
    return why_not.empty() ? Permit{} : refused_because(why_not);
  };
  kind.plan = plan_failure;
  kind.inject = fail_calls;
  kind.prove = prove_told;
  kind.undo = let_go;
  kind.undone = is_let_go;
  kinds.push_back(std::move(kind));
}

}  // namespace ordeal::chaos

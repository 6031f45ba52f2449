#include "pool/process/warden.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "pool/process/launch.hpp"
#include "pool/process/lifeline.hpp"

extern "C" {
extern const char ordeal_warden_image_begin[];
extern const char ordeal_warden_image_end[];
}

namespace ordeal::pool::process {
namespace {

constexpr std::string_view subject = "start of the warden";

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x0010U;  // Linux 6.3; vm.memfd_noexec=1 wants it said
#endif

struct Lifeline {
  FileDescriptor writing;
  FileDescriptor reading;
};

[[nodiscard]] Result<Lifeline> make_lifeline(SpawnHook* hook) {
  std::array<int, 2> ends{-1, -1};
  int failed = ask(hook, SpawnStep::made_lifeline);
  if (failed == 0 && ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    failed = errno;
  }
  if (failed != 0) return tl::unexpected(spawn_error(subject, SpawnStep::made_lifeline, failed));
  return Lifeline{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// By pidfd, made while we are certainly there: the warden need not ask whether getppid() still is
// the host, and the end of one of the host's threads means nothing to it.
[[nodiscard]] Result<FileDescriptor> open_own_pidfd(SpawnHook* hook) {
  int failed = ask(hook, SpawnStep::opened_host_pidfd);
  FileDescriptor pidfd;
  if (failed == 0) {
    pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    if (!pidfd) failed = errno;
  }
  if (failed != 0) {
    return tl::unexpected(spawn_error(subject, SpawnStep::opened_host_pidfd, failed));
  }
  return pidfd;
}

[[nodiscard]] Result<FileDescriptor> make_image(SpawnHook* hook) {
  int failed = ask(hook, SpawnStep::made_image);
  FileDescriptor image;
  if (failed == 0) {
    image.reset(::memfd_create("ordeal-warden", MFD_CLOEXEC | MFD_EXEC));
    if (!image && errno == EINVAL) image.reset(::memfd_create("ordeal-warden", MFD_CLOEXEC));
    if (!image) failed = errno;
  }
  if (failed != 0) return tl::unexpected(spawn_error(subject, SpawnStep::made_image, failed));

  const char* next = ordeal_warden_image_begin;
  while (next != ordeal_warden_image_end) {
    failed = ask(hook, SpawnStep::wrote_image);
    if (failed == 0) {
      const auto left = static_cast<std::size_t>(ordeal_warden_image_end - next);
      const ssize_t wrote = ::write(image.get(), next, left);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) failed = errno;
      if (wrote > 0) next += wrote;
    }
    if (failed != 0) return tl::unexpected(spawn_error(subject, SpawnStep::wrote_image, failed));
  }
  return image;
}

}  // namespace

Warden::Warden(WorkerProcess process, FileDescriptor lifeline) noexcept
    : process_(std::move(process)), lifeline_(std::move(lifeline)) {}

Result<Warden> Warden::start(SpawnHook* hook) {
  Result<Lifeline> lifeline = make_lifeline(hook);
  if (!lifeline) return tl::unexpected(std::move(lifeline.error()));
  const Result<FileDescriptor> host_pidfd = open_own_pidfd(hook);
  if (!host_pidfd) return tl::unexpected(host_pidfd.error());
  const Result<FileDescriptor> image = make_image(hook);
  if (!image) return tl::unexpected(image.error());

  std::array<char, 14> name{"ordeal-warden"};
  const std::array<char*, 2> arguments{name.data(), nullptr};
  const std::array<char*, 1> environment{nullptr};
  ChildPlan plan;
  plan.program_descriptor = image->get();
  plan.arguments = arguments.data();
  plan.environment = environment.data();
  plan.descriptors[0] = lifeline->reading.get();
  plan.descriptors[1] = host_pidfd->get();
  plan.descriptor_count = 2;
  plan.is_warden = true;
  plan.hook = hook;
  Result<Launched> launched = launch(plan, subject);
  if (!launched) return tl::unexpected(std::move(launched.error()));
  return Warden(WorkerProcess(launched->pid, std::move(launched->pidfd), WorkerPipes{}),
                std::move(lifeline->writing));
}

Warden::~Warden() {
  if (process_.pidfd() < 0 || process_.in_forked_child()) return;
  // Not only a close: forked copies of the host may hold this socket, and must not keep the warden.
  if (lifeline_) (void)::shutdown(lifeline_.get(), SHUT_WR);
  (void)process_.reap_within(destructor_wait_max);
}

Result<void> Warden::send(int record, int leader_pidfd) {
  const long sent = send_lifeline_record(lifeline_.get(), record, leader_pidfd);
  if (sent == 0) return {};
  return tl::unexpected(
      make_error(ErrorCode::spawn_failed,
                 fmt::format("telling the warden (pid {}) of group {} failed: {}", pid(),
                             std::abs(record), describe_errno(static_cast<int>(-sent)))));
}

Result<void> Warden::register_group(LiveGroup group) {
  return send(group.group, group.leader_pidfd);
}

Result<void> Warden::unregister_group(int group) { return send(-group, -1); }

Result<void> Warden::restart(std::span<const LiveGroup> live, SpawnHook* hook) {
  // Killed while its lifeline is still open: at the end of file it would kill the workers.
  (void)process_.signal_group(SIGKILL);
  if (!process_.reap_within(destructor_wait_max)) {
    return tl::unexpected(make_error(
        ErrorCode::spawn_failed, fmt::format("the old warden (pid {}) does not die within {} ms",
                                             pid(), destructor_wait_max.count())));
  }
  Result<Warden> fresh = start(hook);
  if (!fresh) return tl::unexpected(std::move(fresh.error()));
  for (const LiveGroup& group : live) {
    Result<void> told = fresh->register_group(group);
    if (told) continue;
    (void)fresh->process_.signal_group(SIGKILL);
    return told;
  }
  process_ = std::move(fresh->process_);
  lifeline_ = std::move(fresh->lifeline_);
  return {};
}

}  // namespace ordeal::pool::process

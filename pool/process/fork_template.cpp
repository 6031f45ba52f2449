#include "pool/process/fork_template.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::process {
namespace {

using Json = nlohmann::json;

constexpr const char* socket_variable = "ORDEAL_TEMPLATE_FD";
constexpr std::size_t message_bytes_max = 64 * 1024;
constexpr std::size_t descriptors_max = 4;

union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(descriptors_max * sizeof(int))> bytes;
};

[[nodiscard]] Error trouble(std::string_view step, int number) {
  return make_error(ErrorCode::spawn_failed, fmt::format("the fork template failed at {}: {}", step,
                                                         describe_errno(number)));
}

// All that came with a message; more than one is more than was agreed, and closed.
[[nodiscard]] FileDescriptor take_descriptor(msghdr& message) {
  FileDescriptor first;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      FileDescriptor taken(descriptor);
      if (!first) first = std::move(taken);
    }
  }
  return first;
}

// Those of the group that are this process's children. They have been killed.
void reap_group(int group) {
  long result = 0;
  do {
    result = raw_syscall(SYS_waitid, P_PGID, group, nullptr, WEXITED | __WALL, nullptr);
  } while (result == 0 || result == -EINTR);
}

}  // namespace

ForkTemplate::ForkTemplate(WorkerProcess process, FileDescriptor socket, bool with_progress)
    : host_pid_(::getpid()),
      process_(std::move(process)),
      socket_(std::move(socket)),
      with_progress_(with_progress) {}

ForkTemplate::~ForkTemplate() {
  if (!socket_ || ::getpid() != host_pid_) return;
  const int group = process_.group();
  (void)process_.signal_group(SIGKILL);
  (void)process_.reap_within(WorkerProcess::destructor_wait_max);
  while (const auto message = receive()) {  // a worker in one dies with it
    if (std::holds_alternative<TemplateClosed>(*message)) break;
  }
  reap_group(group);
}

Result<ForkTemplate> ForkTemplate::start(SpawnRequest request) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return tl::unexpected(trouble("socketpair", errno));
  }
  FileDescriptor ours(ends[0]);
  const FileDescriptor theirs(ends[1]);
  request.inherited.push_back({.descriptor = theirs.get(), .variable = socket_variable});
  Result<WorkerProcess> process = spawn(request);
  if (!process) return tl::unexpected(std::move(process.error()));
  return ForkTemplate(std::move(*process), std::move(ours), request.with_progress);
}

Result<void> ForkTemplate::request_fork() {
  Result<AllPipes> pipes = make_worker_pipes({.with_progress = with_progress_});
  if (!pipes) return tl::unexpected(std::move(pipes.error()));
  if (Result<void> sent = send_fork(*pipes); !sent) return sent;
  pending_.push_back(pipes->take_host_ends());
  return {};
}

Result<void> ForkTemplate::send_fork(const AllPipes& pipes) {
  std::vector<int> descriptors{pipes.request.read_end.get(), pipes.reply.write_end.get(),
                               pipes.error.write_end.get()};
  if (with_progress_) descriptors.push_back(pipes.progress.write_end.get());
  std::string text = fmt::format(R"({{"fork":{}}})", serial_ + 1);
  iovec part{text.data(), text.size()};
  Control control{};
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  std::memcpy(CMSG_DATA(&control.header), descriptors.data(), descriptors.size() * sizeof(int));
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
  if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    return tl::unexpected(trouble("sendmsg", errno));
  }
  ++serial_;
  return {};
}

std::optional<TemplateMessage> ForkTemplate::receive() {
  std::string text(message_bytes_max, '\0');
  iovec part{text.data(), text.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  const ssize_t count = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (count <= 0) return TemplateClosed{"it has closed its socket"};
  FileDescriptor pidfd = take_descriptor(message);
  text.resize(static_cast<std::size_t>(count));
  return judge(text, std::move(pidfd));
}

TemplateMessage ForkTemplate::judge(const std::string& text, FileDescriptor pidfd) {
  const Json said = Json::parse(text, nullptr, false);
  const auto nonsense = [&] {
    return TemplateClosed{fmt::format("it says {:.200}, which no template does", text)};
  };
  const auto number = [&said](const char* name) {
    const auto found = said.find(name);
    return found != said.end() && found->is_number_integer() ? found->get<std::int64_t>()
                                                             : std::int64_t{-1};
  };
  if (!said.is_object()) return nonsense();
  if (number("template") == 1) return TemplateReady{number("import_ms")};
  const bool is_answer = !pending_.empty() && std::max(number("forked"), number("refused")) ==
                                                  static_cast<std::int64_t>(answered_ + 1);
  if (!is_answer) return nonsense();
  ++answered_;
  WorkerPipes pipes = std::move(pending_.front());
  pending_.pop_front();
  if (number("refused") > 0) {
    const auto reason = said.find("reason");
    return TemplateRefused{reason != said.end() && reason->is_string() ? reason->get<std::string>()
                                                                       : "it gives no reason"};
  }
  const std::int64_t pid = number("pid");
  if (pid <= 0 || pid > INT32_MAX || !pidfd) return nonsense();
  // An unreaped child of this process: the number is still its own.
  (void)::setpgid(static_cast<pid_t>(pid), static_cast<pid_t>(pid));
  // Its memory was the template's, and so is its peak as long as it does not grow beyond that.
  const auto memory = process_.sample_memory();
  return TemplateForked{WorkerProcess(static_cast<int>(pid), std::move(pidfd), std::move(pipes),
                                      memory ? memory->peak_rss_kib : 0)};
}

}  // namespace ordeal::pool::process

#include "testing/contract/real_stage.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "testing/timeouts/timeouts.hpp"

namespace ordeal::trial {

using pool::process::FileDescriptor;
using pool::runtime::Instant;

namespace {

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// glibc 2.36 declares these two without extern "C".
int open_pidfd(int pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)); }
void kill_by(int pidfd) { (void)::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0U); }

// Many stages in one process, one after another: each has its own name.
std::string fresh_path(const std::string& folder) {
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("{}/stage-{}-{}", folder, ::getpid(), count.fetch_add(1));
}

}  // namespace

RealStage::RealStage(const std::string& folder)
    : path_(fresh_path(folder)),
      listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      posted_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    throw_errno(path_.c_str());
  }
  path_.copy(address.sun_path, path_.size());
  if (!listener_ || !posted_ ||
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), SOMAXCONN) != 0) {
    throw_errno(path_.c_str());
  }
}

RealStage::~RealStage() { ::unlink(path_.c_str()); }

void RealStage::post(News news) {
  const std::lock_guard lock{mutex_};
  mailbox_.push_back(std::move(news));
  (void)::eventfd_write(posted_.get(), 1);
}

std::optional<News> RealStage::take() {
  const std::lock_guard lock{mutex_};
  if (mailbox_.empty()) return std::nullopt;
  News news = std::move(mailbox_.front());
  mailbox_.pop_front();
  return news;
}

std::optional<News> RealStage::next(milliseconds patience) {
  const Instant deadline = pool::core::after(pool::runtime::now(), patience);
  declare_deadline(deadline);
  while (true) {
    if (auto news = take()) return news;
    if (!look(deadline)) return std::nullopt;
  }
}

void RealStage::reach(milliseconds from_now) {
  const Instant deadline = pool::core::after(pool::runtime::now(), from_now);
  declare_deadline(deadline);
  while (look(deadline)) {
  }
}

// Waits for whatever can happen, and puts what it means into the mailbox. False: nothing did.
bool RealStage::look(Instant deadline) {
  std::vector<pollfd> watched{{.fd = posted_.get(), .events = POLLIN, .revents = 0},
                              {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, connection] : connections_) {
    if (connection.arrived) continue;
    numbers.push_back(number);
    watched.push_back({.fd = connection.socket.get(), .events = POLLIN, .revents = 0});
  }
  const std::size_t first_process = watched.size();
  std::vector<std::uint64_t> workers;
  for (const auto& [worker, process] : processes_) {
    if (process.gone) continue;
    workers.push_back(worker);
    watched.push_back({.fd = process.pidfd.get(), .events = POLLIN, .revents = 0});
  }
  if (pool::runtime::poll_until(watched, deadline) <= 0) return false;
  if (watched[0].revents != 0) {
    eventfd_t value = 0;
    (void)::eventfd_read(posted_.get(), &value);
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (watched[2 + i].revents != 0) listen_to(numbers[i]);
  }
  for (std::size_t i = 0; i < workers.size(); ++i) {
    if (watched[first_process + i].revents == 0) continue;
    processes_[workers[i]].gone = true;
    post(news::Gone{workers[i]});
  }
  if (watched[1].revents != 0) welcome();
  return true;
}

void RealStage::welcome() {
  FileDescriptor socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  const std::uint64_t worker = worker_of(peer.pid);
  connections_[++last_arrival_] = {.socket = std::move(socket), .worker = worker};
}

std::uint64_t RealStage::worker_of(int pid) {
  for (const auto& [worker, process] : processes_) {
    if (process.pid == pid && !process.gone) return worker;
  }
  const std::uint64_t worker = processes_.size() + 1;
  FileDescriptor pidfd{open_pidfd(pid)};
  // It died before it could be known: its connection will say no more.
  const bool gone = !pidfd;
  processes_[worker] = {.pidfd = std::move(pidfd), .pid = pid, .gone = gone};
  if (gone) post(news::Gone{worker});
  return worker;
}

void RealStage::listen_to(std::uint64_t number) {
  Connection& connection = connections_.at(number);
  char chunk[512];
  const ssize_t count = ::read(connection.socket.get(), chunk, sizeof chunk);
  if (count <= 0) {
    if (count == 0 || errno != EAGAIN) connections_.erase(number);
    return;
  }
  connection.said.append(chunk, static_cast<std::size_t>(count));
  const std::size_t end = connection.said.find('\n');
  if (end == std::string::npos) return;
  const auto line = nlohmann::json::parse(connection.said.substr(0, end), nullptr, false);
  if (!line.is_object() || !line.contains("ticket") || !line["ticket"].is_string()) {
    connections_.erase(number);
    return;
  }
  connection.arrived = true;
  post(news::Arrived{number, line["ticket"].get<std::string>(), connection.worker});
}

void RealStage::play(std::uint64_t arrival, const Act& act) {
  const auto it = connections_.find(arrival);
  if (it == connections_.end()) return;
  const std::string line =
      fmt::format("{{\"command\":\"{}\",\"args\":{}}}\n", act.command, act.arguments);
  // A worker that is dead already need not be told.
  (void)::send(it->second.socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
  connections_.erase(it);
}

void RealStage::kill(std::uint64_t worker) {
  const auto it = processes_.find(worker);
  if (it == processes_.end() || it->second.gone) return;
  kill_by(it->second.pidfd.get());
}

std::string RealStage::name_of(std::uint64_t worker) const {
  const auto it = processes_.find(worker);
  return it == processes_.end() ? "a worker's process" : fmt::format("process {}", it->second.pid);
}

}  // namespace ordeal::trial

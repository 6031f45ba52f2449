#include "testing/isolation/supervised_pool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/recorded/recorded_run.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::trial {

using pool::Status;
using pool::process::FileDescriptor;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds standard_patience{10};

pool::Pool started(const pool::Options& options) {
  auto pool = pool::Pool::start(recorded(options));
  if (!pool) throw std::runtime_error("the pool does not start: " + pool.error().message);
  return std::move(*pool);
}

bool has_template(const Status& status) { return status.fork_template.state == "ready"; }

}  // namespace

SupervisedPool::SupervisedPool(const pool::Options& options) : pool_(started(options)) {
  if (!options.fork_template) return;
  const Waited ready =
      EventWatch{pool_}.wait_until_status(has_template, "the template", options.start_timeout);
  if (!ready) throw std::runtime_error(ready.story);
}

Waited SupervisedPool::kill_worker(const pool::Deadline& deadline) {
  const auto until = deadline.resolve(steady_clock::now(), standard_patience);
  const pool::WorkerStatus worker = pool_.status().workers.at(0);
  ::kill(worker.pid, SIGKILL);
  const Waited replaced = wait_worker_restart(pool_, worker.worker, until);
  return replaced ? pre_warm(pool_, until) : replaced;
}

Waited SupervisedPool::kill_template(const pool::Deadline& deadline) {
  const auto until = deadline.resolve(steady_clock::now(), standard_patience);
  EventWatch watch{pool_};
  const pool::TemplateStatus before = pool_.status().fork_template;
  ::kill(before.pid, SIGKILL);
  const Waited mended = watch.wait_until_status(
      [&](const Status& status) {
        return has_template(status) && status.fork_template.generation > before.generation;
      },
      "another template", until);
  return mended ? pre_warm(pool_, until) : mended;
}

Waited SupervisedPool::kill_warden(const pool::Deadline& deadline) {
  const auto until = deadline.resolve(steady_clock::now(), standard_patience);
  EventWatch watch{pool_};
  const Status before = pool_.status();
  ::kill(before.warden_pid, SIGKILL);
  const auto is_mended = [&](const Status& status) {
    return status.warden_restarts > before.warden_restarts &&
           status.warden_pid != before.warden_pid;
  };
  // No event tells of it: calls, of which each is answered, until it is so.
  while (!is_mended(pool_.status()) && steady_clock::now() < until) {
    (void)pool_.call("ping", nlohmann::json::object(), {.deadline = until});
  }
  const Waited mended = watch.wait_until_status(is_mended, "another warden", until);
  return mended ? pre_warm(pool_, until) : mended;
}

namespace {

// Never returns: starts a pool, tells the pids of its workers, and waits to be killed.
[[noreturn]] void be_host(const pool::Options& options, int line) {
  try {
    const pool::Pool pool = started(options);
    for (const pool::WorkerStatus& worker : pool.status().workers) {
      const std::string text = fmt::format("{}\n", worker.pid);
      (void)!::write(line, text.data(), text.size());
    }
    ::close(line);
    while (true) ::pause();
  } catch (const std::exception&) {
    ::_exit(EXIT_FAILURE);
  }
}

std::string read_all(int line) {
  std::string all;
  char chunk[256];
  for (ssize_t count = 1; count > 0 || (count < 0 && errno == EINTR);) {
    count = ::read(line, chunk, sizeof chunk);
    if (count > 0) all.append(chunk, static_cast<std::size_t>(count));
  }
  return all;
}

}  // namespace

Waited kill_host(const pool::Options& options, std::chrono::milliseconds patience) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {.came = false, .story = "no pipe"};
  const FileDescriptor line{ends[0]};
  FileDescriptor other_end{ends[1]};
  const pid_t host = ::fork();
  if (host == 0) be_host(options, other_end.get());
  other_end.reset();
  const std::string pids = read_all(line.get());
  std::vector<FileDescriptor> workers;
  for (std::size_t at = 0; at < pids.size(); at = pids.find('\n', at) + 1) {
    workers.emplace_back(
        static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(pids.substr(at)), 0U)));
  }
  ::kill(host, SIGKILL);
  while (::waitpid(host, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (workers.empty()) return {.came = false, .story = "the host's pool did not start"};
  const auto deadline = pool::core::after(pool::runtime::now(), patience);
  declare_deadline(deadline);
  for (const FileDescriptor& worker : workers) {
    pollfd end{worker.get(), POLLIN, 0};
    if (worker && pool::runtime::poll_until({&end, 1}, deadline) <= 0) {
      return {.came = false,
              .story = fmt::format("of {} workers one outlives its host", workers.size())};
    }
  }
  return {.came = true, .story = {}};
}

}  // namespace ordeal::trial

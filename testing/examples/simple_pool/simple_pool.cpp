#include "testing/examples/simple_pool/simple_pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace simple_pool {

using std::chrono::steady_clock;
using How = Answer::How;

Flaws first_draft() {
  return {Flaw::reuses_late_workers,
          Flaw::never_replaces,
          Flaw::ignores_queue_deadlines,
          Flaw::no_bound,
          Flaw::leaves_zombies,
          Flaw::forgets_waiters_at_stop,
          Flaw::leaks_pipes,
          Flaw::dies_of_sigpipe,
          Flaw::waits_for_ever_at_stop};
}

namespace {

// Until one of them can be read, or the deadline. Which one; -1: none.
int wait_for_either(int first, int second, steady_clock::time_point deadline) {
  while (true) {
    pollfd watched[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
    int patience = -1;
    if (deadline != steady_clock::time_point::max()) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
      patience = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    if (::poll(watched, 2, patience) == 0) return -1;
    if (watched[0].revents != 0) return first;
    if (watched[1].revents != 0) return second;
  }
}

}  // namespace

SimplePool::SimplePool(std::vector<std::string> command, unsigned size, std::size_t waiting_max,
                       Flaws flaws)
    : command_(std::move(command)),
      waiting_max_(waiting_max),
      flaws_(std::move(flaws)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      alarm_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      idle_(size) {
  if (!has(Flaw::dies_of_sigpipe)) ::signal(SIGPIPE, SIG_IGN);
  for (unsigned i = 0; i < size; ++i) threads_.emplace_back([this] { serve(); });
  threads_.emplace_back([this] { watch_the_queue(); });
}

SimplePool::~SimplePool() {
  stop(std::chrono::milliseconds{0});
  ::close(wake_);
  ::close(alarm_);
}

void SimplePool::submit(Job job) {
  Lock lock{mutex_};
  if (stopping_ && !has(Flaw::takes_requests_while_stopping)) {
    lock.unlock();
    return job.tell({How::stopping, {}});
  }
  const auto is_full = [&] { return queue_.size() >= waiting_max_ + idle_; };
  if (has(Flaw::blocks_when_full)) {
    changed_.wait(lock, [&] { return !is_full(); });
  } else if (is_full() && !has(Flaw::no_bound)) {
    lock.unlock();
    return job.tell({How::full, {}});
  }
  queue_.push_back(std::move(job));
  changed_.notify_all();
  ::eventfd_write(wake_, 1);
}

// Of the queue, the oldest; nothing: the pool stops.
std::optional<Job> SimplePool::next_job() {
  Lock lock{mutex_};
  changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
  if (stopping_) return std::nullopt;
  const auto which = has(Flaw::newest_first) ? queue_.end() - 1 : queue_.begin();
  Job job = std::move(*which);
  queue_.erase(which);
  --idle_;
  changed_.notify_all();
  return job;
}

// A worker's thread.
void SimplePool::serve() {
  Child child = start_child();
  while (std::optional<Job> job = next_job()) {
    const bool alive = do_job(child, *job);
    const bool replaced = alive || !has(Flaw::never_replaces);
    if (!alive) end_child(child);
    if (!replaced) return;
    if (!alive) child = start_child();
    const Lock lock{mutex_};
    ++idle_;
  }
  end_child(child);
}

// False: the worker can serve no more.
bool SimplePool::do_job(Child& child, Job& job) {
  Answer answer = talk(child, job);
  while (answer.how == How::died && has(Flaw::sends_again)) {
    end_child(child);
    child = start_child();
    answer = talk(child, job);
  }
  const How how = answer.how;
  if (how != How::died || !has(Flaw::silent_about_death)) job.tell(std::move(answer));
  if (how == How::late && has(Flaw::tells_twice)) {
    Job again = job;
    again.deadline = Instant::max();
    again.line.clear();
    Answer late = talk(child, again);
    if (late.how == How::replied) job.tell(std::move(late));
    return late.how == How::replied;
  }
  if (how == How::late && has(Flaw::forgets_the_late_worker)) {
    end_child(child);
    Lock lock{mutex_};
    changed_.wait(lock, [&] { return stopping_; });
  }
  return how == How::replied || (how == How::late && has(Flaw::reuses_late_workers));
}

Answer SimplePool::talk(Child& child, const Job& job) {
  // A worker that died idle is replaced before it costs anybody a request.
  if (!has(Flaw::dies_of_sigpipe) && !has(Flaw::never_replaces)) {
    pollfd look{child.out, POLLIN, 0};
    if (::poll(&look, 1, 0) == 1 && (look.revents & POLLHUP) != 0) {
      end_child(child);
      child = start_child();
    }
  }
  if (::write(child.in, job.line.data(), job.line.size()) < 0) return {How::died, {}};
  std::string line;
  int alarm = alarm_;
  const Instant worker_deadline =
      has(Flaw::ignores_worker_deadlines) ? Instant::max() : job.deadline;
  Instant stop_at = Instant::max();
  while (line.empty() || line.back() != '\n') {
    const int which = wait_for_either(child.out, alarm, std::min(worker_deadline, stop_at));
    if (which < 0) return {stop_at <= worker_deadline ? How::stopped : How::late, {}};
    if (which == alarm) {
      const Lock lock{mutex_};
      alarm = -1;
      if (!has(Flaw::waits_for_ever_at_stop)) stop_at = stop_at_;
      continue;
    }
    char byte = 0;
    if (::read(child.out, &byte, 1) <= 0) return {How::died, {}};
    line.push_back(byte);
  }
  return {How::replied, std::move(line)};
}

// Its own thread: tells those whose deadline passes while they wait.
void SimplePool::watch_the_queue() {
  while (true) {
    std::vector<Job> too_late;
    Instant next = Instant::max();
    {
      const Lock lock{mutex_};
      if (stopping_) return;
      const auto is_late = [](const Job& job) { return job.deadline <= steady_clock::now(); };
      for (auto it = queue_.begin(); it != queue_.end();) {
        if (!has(Flaw::ignores_queue_deadlines) && is_late(*it)) {
          too_late.push_back(std::move(*it));
          it = queue_.erase(it);
        } else {
          if (!has(Flaw::ignores_queue_deadlines)) next = std::min(next, it->deadline);
          ++it;
        }
      }
    }
    for (const Job& job : too_late) job.tell({How::waited_too_long, {}});
    eventfd_t ignored = 0;
    if (wait_for_either(wake_, alarm_, next) == wake_) ::eventfd_read(wake_, &ignored);
  }
}

void SimplePool::stop(std::chrono::milliseconds grace) {
  std::deque<Job> waiting;
  {
    const Lock lock{mutex_};
    if (stopping_) return;
    stopping_ = true;
    stop_at_ = steady_clock::now() + grace;
    waiting.swap(queue_);
    changed_.notify_all();
  }
  if (!has(Flaw::forgets_waiters_at_stop)) {
    for (const Job& job : waiting) job.tell({How::stopping, {}});
  }
  ::eventfd_write(alarm_, 1);
  for (std::thread& thread : threads_) thread.join();
}

SimplePool::Child SimplePool::start_child() const {
  int in[2] = {-1, -1};
  int out[2] = {-1, -1};
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return {};
  std::vector<char*> arguments;
  for (const std::string& argument : command_) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const int pid = ::fork();
  if (pid == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  return {.pid = pid, .in = in[1], .out = out[0]};
}

void SimplePool::end_child(Child& child) const {
  if (child.pid < 0) return;
  if (!has(Flaw::leaks_pipes)) {
    ::close(child.in);
    ::close(child.out);
  }
  if (!has(Flaw::leaves_orphans)) {
    ::kill(child.pid, SIGKILL);
    if (!has(Flaw::leaves_zombies)) ::waitpid(child.pid, nullptr, 0);
  }
  child = {};
}

}  // namespace simple_pool

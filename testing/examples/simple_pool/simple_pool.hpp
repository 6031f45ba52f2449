// A worker pool as one writes it in an afternoon: a thread and a process for each worker, two
// pipes, a line of JSON there and a line back, a queue under one mutex. It knows nothing of Ordeal.
//
// Its flaws are those that such pools have. Each can be switched on by itself, and the trial must
// then say so (simple_pool_test); with none the trial finds nothing. `first_draft()` has those that
// the first draft of such a pool usually has.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace simple_pool {

enum class Flaw : std::uint8_t {
  reuses_late_workers,       // after a time-out the worker gets the next request at once
  never_replaces,            // a dead worker's thread ends, and that is that
  forgets_the_late_worker,   // after a time-out the worker is killed, and never replaced
  silent_about_death,        // a new worker is started, the request is forgotten
  sends_again,               // after a death the request goes to the next worker, whatever it did
  ignores_queue_deadlines,   // looks at the clock only once a worker has the request
  ignores_worker_deadlines,  // waits for the worker as long as it takes
  tells_twice,               // a late reply is told too
  no_bound,                  // anybody may wait
  blocks_when_full,          // submit() waits for a place
  newest_first,              // a stack for a queue
  forgets_waiters_at_stop,
  takes_requests_while_stopping,
  waits_for_ever_at_stop,  // whatever the grace
  leaves_orphans,          // closes the pipes and hopes
  leaves_zombies,          // kills, and does not wait
  leaks_pipes,             // of workers that are gone
  dies_of_sigpipe,         // a write to a dead worker ends the whole program
};
inline constexpr std::uint8_t flaw_count = static_cast<std::uint8_t>(Flaw::dies_of_sigpipe) + 1;
using Flaws = std::set<Flaw>;
[[nodiscard]] Flaws first_draft();

struct Answer {
  enum class How : std::uint8_t {
    replied,
    died,             // the worker, with the request in its hands
    late,             // the worker
    waited_too_long,  // for a worker
    full,
    stopping,
    stopped,  // while a worker had it
  };
  How how = How::replied;
  std::string line;  // the worker's
};

struct Job {
  std::string line;
  std::chrono::steady_clock::time_point deadline;
  std::function<void(Answer)> tell;
};

class SimplePool {
 public:
  SimplePool(std::vector<std::string> command, unsigned size, std::size_t waiting_max, Flaws flaws);
  ~SimplePool();
  void submit(Job job);
  void stop(std::chrono::milliseconds grace);  // returns when all is over

 private:
  struct Child {
    int pid = -1;
    int in = -1;
    int out = -1;
  };
  using Lock = std::unique_lock<std::mutex>;
  using Instant = std::chrono::steady_clock::time_point;

  void serve();
  void watch_the_queue();
  [[nodiscard]] std::optional<Job> next_job();
  [[nodiscard]] bool do_job(Child& child, Job& job);
  [[nodiscard]] Answer talk(Child& child, const Job& job);
  [[nodiscard]] Child start_child() const;
  void end_child(Child& child) const;
  [[nodiscard]] bool has(Flaw flaw) const { return flaws_.contains(flaw); }

  const std::vector<std::string> command_;
  const std::size_t waiting_max_;
  const Flaws flaws_;
  int wake_ = -1;   // eventfd: the queue has changed
  int alarm_ = -1;  // eventfd: the stop has begun
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  unsigned idle_;  // how many may come and take a job
  bool stopping_ = false;
  Instant stop_at_ = Instant::max();
  std::vector<std::thread> threads_;
};

}  // namespace simple_pool

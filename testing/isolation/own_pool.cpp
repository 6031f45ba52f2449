#include "testing/isolation/own_pool.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <stdexcept>

#include "testing/recorded/recorded_run.hpp"

namespace ordeal::trial {

using pool::Status;

namespace {

pool::Pool started(const pool::Options& options) {
  auto pool = pool::Pool::start(recorded(options));
  if (!pool) throw std::runtime_error("the pool does not start: " + pool.error().message);
  if (const Waited warm = pre_warm(*pool, options.start_timeout); !warm) {
    throw std::runtime_error(warm.story);
  }
  return std::move(*pool);
}

}  // namespace

OwnPool::OwnPool(const pool::Options& options)
    : pool_(started(options)), events_(std::make_unique<EventWatch>(pool_)) {}

std::vector<std::string> OwnPool::end() {
  std::vector<std::string> wrong;
  const Status before = pool_.status();
  if (before.running + before.queue_depth + before.backing_off > 0) {
    wrong.push_back(fmt::format("requests are still open: {}", in_words(before)));
  }
  if (const auto stopped = pool_.stop(std::chrono::milliseconds{0}); !stopped) {
    wrong.push_back("the stop fails: " + stopped.error().message);
  }
  const Status after = pool_.status();
  const std::uint64_t told =
      after.ok + after.failed + after.timed_out + after.rejected + after.shed + after.cancelled;
  if (told != after.submitted) {
    wrong.push_back(fmt::format("of {} requests {} got an outcome", after.submitted, told));
  }
  if (after.sink_failures > 0) {
    wrong.push_back(fmt::format("sinks threw {} times", after.sink_failures));
  }
  for (const pool::WorkerStatus& worker : before.workers) {
    if (worker.pid != 0 && ::kill(worker.pid, 0) == 0) {
      wrong.push_back(fmt::format("worker {} (pid {}) lives on", worker.worker, worker.pid));
    }
  }
  return wrong;
}

}  // namespace ordeal::trial

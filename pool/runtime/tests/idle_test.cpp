// A pool that has nothing to do does nothing: at most one wake-up a second (issue 3, point 7).
#include <gtest/gtest.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <sstream>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/leaks/process_table.hpp"

namespace ordeal::pool {
namespace {

// Each time a thread has gone to sleep it had been awake.
std::uint64_t times_gone_to_sleep(const std::string& task_folder) {
  std::istringstream status{trial::read_proc(task_folder + "/status")};
  for (std::string line; std::getline(status, line);) {
    constexpr std::string_view name = "voluntary_ctxt_switches:";
    if (line.rfind(name, 0) == 0) return std::stoull(line.substr(name.size()));
  }
  ADD_FAILURE() << "no voluntary_ctxt_switches in " << task_folder;
  return 0;
}

// The folders in /proc of all that belongs to the pool: its threads, its workers, its warden.
std::vector<std::string> tasks_of(const Pool& pool, const std::set<int>& threads_before) {
  std::vector<std::string> tasks;
  for (const trial::ThreadEntry& thread : trial::threads_of_this_process()) {
    if (threads_before.contains(thread.id)) continue;
    tasks.push_back("/proc/self/task/" + std::to_string(thread.id));
  }
  const Status status = pool.status();
  tasks.push_back("/proc/" + std::to_string(status.warden_pid));
  for (const WorkerStatus& worker : status.workers) {
    tasks.push_back("/proc/" + std::to_string(worker.pid));
  }
  return tasks;
}

void pass(std::chrono::seconds time) {
  const process::FileDescriptor timer{timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)};
  itimerspec in_time{};
  in_time.it_value.tv_sec = time.count();
  ASSERT_EQ(timerfd_settime(timer.get(), 0, &in_time, nullptr), 0);
  ASSERT_TRUE(wait_readable(timer.get(), steady_clock::now() + time + patience));
}

TEST(Idle, APoolWakesAtMostOnceASecond) {
  constexpr std::chrono::seconds observed{2};
  std::set<int> threads_before;
  for (const trial::ThreadEntry& thread : trial::threads_of_this_process()) {
    threads_before.insert(thread.id);
  }
  Options options = mock_options(2);
  options.overflow = 1;
  Pool pool = must_start(options);
  expect_whole(pool);  // it has worked, so that there was something to leave running
  const auto tasks = tasks_of(pool, threads_before);
  ASSERT_GE(tasks.size(), 5U) << "two threads, a warden, two workers";
  std::vector<std::uint64_t> before;
  for (const std::string& task : tasks) before.push_back(times_gone_to_sleep(task));
  pass(observed);
  std::uint64_t wake_ups = 0;
  std::string who;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const std::uint64_t times = times_gone_to_sleep(tasks[i]) - before[i];
    if (times > 0) {
      who += " " + std::to_string(times) + " " + trial::read_proc(tasks[i] + "/comm");
    }
    wake_ups += times;
  }
  EXPECT_LE(wake_ups, static_cast<std::uint64_t>(observed.count())) << who;
}

}  // namespace
}  // namespace ordeal::pool

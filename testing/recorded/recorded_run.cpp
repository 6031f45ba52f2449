#include "testing/recorded/recorded_run.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>
#include <vector>

#include "pool/runtime/callback_thread.hpp"
#include "pool/runtime/driver.hpp"
#include "pool/runtime/template_state.hpp"
#include "testing/leaks/leak_listener.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::trial {
namespace {

namespace runtime = pool::runtime;

constexpr std::uint64_t record_bytes_max = 2U << 20U;

struct RecordedRuns {
  std::mutex mutex;
  std::vector<std::string> files;  // guarded by mutex
  std::uint64_t count = 0;         // likewise
};

RecordedRuns& recorded_runs() {
  static RecordedRuns runs;
  return runs;
}

// A pool that lives on has a line that is not whole yet, or none: it is left for a later test's
// end.
bool replay_and_remove(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string trace{std::istreambuf_iterator<char>(file), {}};
  if (file && !trace.ends_with('\n')) return false;
  std::remove(path.c_str());
  if (trace.empty()) return true;  // its pool was not started
  (void)judge_run(trace, record_bytes_max);
  return true;
}

// Whether all runs are over, and so all their deadlines known.
bool replay_recorded_runs() {
  RecordedRuns& runs = recorded_runs();
  const std::lock_guard lock{runs.mutex};
  std::erase_if(runs.files, replay_and_remove);
  return runs.files.empty();
}

// What a pool waits for beside its calls and its core's timers.
void declare_waits_of(const pool::Options& options) {
  for (const char* thread : {"ordeal-callback", "ordeal-sessions"}) {
    declare_wait(runtime::CallbackThread::linger_max, thread);
  }
  declare_wait(runtime::death_news_max);
  declare_wait(options.retire_rss_interval);
  if (options.fork_template) {
    declare_wait(options.start_backoff_max);
    declare_wait(runtime::spare_patience);
  }
}

}  // namespace

pool::Options recorded(pool::Options options) {
  if (!tests_run_here()) return options;
  [[maybe_unused]] static const bool once = (explain_timeouts_with(replay_recorded_runs), true);
  declare_waits_of(options);
  if (!options.record_file.empty()) return options;
  RecordedRuns& runs = recorded_runs();
  const std::lock_guard lock{runs.mutex};
  options.record_file = fmt::format("{}/run-{}.trace", temp_folder(), ++runs.count);
  options.record_bytes_max = record_bytes_max;
  runs.files.push_back(options.record_file);
  return options;
}

ReplayResult judge_run(std::string_view trace, std::uint64_t bytes_max) {
  ReplayResult replayed = replay(trace);
  EXPECT_TRUE(replayed.same) << "a fresh core decides this run otherwise: " << replayed.difference;
  for (const pool::core::Instant deadline : replayed.deadlines) declare_deadline(deadline);
  if (trace.size() > bytes_max / 2) declare_unknown(replayed.last_event);
  return replayed;
}

}  // namespace ordeal::trial

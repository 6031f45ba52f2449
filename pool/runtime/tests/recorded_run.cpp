#include "pool/runtime/tests/recorded_run.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>
#include <vector>

#include "testing/leaks/leak_listener.hpp"
#include "testing/sim/replay.hpp"

namespace ordeal::pool {
namespace {

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
  const trial::ReplayResult replayed = trial::replay(trace);
  EXPECT_TRUE(replayed.same) << "a fresh core decides this run otherwise: " << replayed.difference;
  return true;
}

void replay_recorded_runs() {
  RecordedRuns& runs = recorded_runs();
  const std::lock_guard lock{runs.mutex};
  std::erase_if(runs.files, replay_and_remove);
}

}  // namespace

Options recorded(Options options) {
  static const bool once = (trial::at_test_end(replay_recorded_runs), true);
  if (!once || !options.record_file.empty() || trial::temp_folder().empty()) return options;
  RecordedRuns& runs = recorded_runs();
  const std::lock_guard lock{runs.mutex};
  options.record_file = fmt::format("{}/run-{}.trace", trial::temp_folder(), ++runs.count);
  options.record_bytes_max = 2U << 20U;
  runs.files.push_back(options.record_file);
  return options;
}

}  // namespace ordeal::pool

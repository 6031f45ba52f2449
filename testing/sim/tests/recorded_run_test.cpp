// What the simulation decides, the runtime does: a recorded run of the whole pool, replayed through
// a fresh core, gives the same actions byte for byte.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "pool/runtime/tests/support.hpp"
#include "testing/leaks/leak_listener.hpp"
#include "testing/recorded/recorded_run.hpp"
#include "testing/sim/replay.hpp"

namespace ordeal::pool {
namespace {

// Reads the file once and removes it: a test leaves nothing behind.
std::string take_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream{path}.rdbuf();
  std::remove(path.c_str());
  return text.str();
}

Options recording_options() {
  Options options = mock_options(2);
  options.overflow = 1;
  options.queue_max = 4;
  options.record_file = trial::temp_folder() + "/pool.trace";
  return options;
}

// Calls of every kind, some at once: enough for queueing, rejection, deaths, late replies.
void make_trouble(Pool& pool) {
  const auto call = [&pool](const char* command, const char* args, milliseconds deadline) {
    (void)pool.call(command, JsonText{args}, {.deadline = deadline});
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&call] {
      call("echo", "{}", 2'000ms);
      call("sleep", R"({"ms": 20})", 2'000ms);
      call("late_reply", R"({"ms": 60})", 20ms);
      call("crash", R"({"exit_code": 3})", 2'000ms);
      call("wrong_id", R"({"delta": 1})", 2'000ms);
      call("error", R"({"message": "as told"})", 2'000ms);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(RecordedRun, IsDecidedInTheSameWayByAFreshCore) {
  RecordProperty("design", "section 10: replaying gives the same actions, byte for byte");
  const Options options = recording_options();
  {
    Pool pool = must_start(options);
    make_trouble(pool);
    // The core answers more while somebody listens; the trace must know when.
    const Subscription listening = pool.subscribe([](const PoolEvent&) {});
    make_trouble(pool);
    ASSERT_TRUE(pool.stop(2'000ms));
  }
  struct stat status {};
  ASSERT_EQ(stat(options.record_file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u) << "a recording is its owner's";

  const std::string trace = take_file(options.record_file);
  const trial::ReplayResult replayed = trial::judge_run(trace, options.record_bytes_max);
  EXPECT_GT(replayed.events, 100u);
  EXPECT_GT(replayed.actions, replayed.events);

  // The comparison can fail: another answer in the trace is a difference, and is named.
  std::string forged = trace;
  const std::size_t grant = forged.find("< grant ");
  ASSERT_NE(grant, std::string::npos);
  forged.replace(grant, 8, "< drain ");
  EXPECT_FALSE(trial::replay(forged).same);
}

TEST(RecordedRun, StopsAtItsBoundAndLeavesAWholeBeginning) {
  Options options = recording_options();
  options.record_bytes_max = 8 * 1024;
  {
    Pool pool = must_start(options);
    make_trouble(pool);
    EXPECT_TRUE(pool.status().record_stopped_early);
  }
  const std::string trace = take_file(options.record_file);
  EXPECT_LE(trace.size(), options.record_bytes_max);
  const trial::ReplayResult replayed = trial::judge_run(trace, options.record_bytes_max);
  EXPECT_GT(replayed.events, 20u);
}

}  // namespace
}  // namespace ordeal::pool

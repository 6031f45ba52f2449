// What the tests of processes share: a fixture that lets nothing leak, waits that have a deadline
// and no sleep, workers written as one line of shell.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "pool/process/spawn.hpp"

namespace ordeal::pool::process {

inline constexpr std::chrono::milliseconds patience{10'000};  // ample: a test never waits so long

// Fails the test that leaves a descriptor open or a child behind.
class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

 private:
  std::set<std::string> descriptors_before_;
};

// "<number> -> <target>" of every open descriptor of this process.
[[nodiscard]] std::set<std::string> open_descriptors();

// A request that runs `script` by /bin/sh, with PATH and nothing else in its environment.
[[nodiscard]] SpawnRequest shell(const std::string& script);
[[nodiscard]] SpawnRequest python(const std::string& script);
// spawn() of it, failing the test if it fails.
[[nodiscard]] WorkerProcess must_spawn(const SpawnRequest& request);

// Reads until `descriptor`'s other end is closed, a newline if `one_line`, or patience is over
// (which fails the test).
[[nodiscard]] std::string read_all(int descriptor);
[[nodiscard]] std::string read_line(int descriptor);
// Whether `descriptor` becomes readable (a pidfd: dies) in time.
[[nodiscard]] bool becomes_readable(int descriptor, std::chrono::milliseconds wait_max = patience);
[[nodiscard]] bool is_alive(int pidfd);
[[nodiscard]] FileDescriptor open_pidfd(int pid);
// Reaps `worker`, failing the test if it does not die.
[[nodiscard]] ExitStatus must_reap(WorkerProcess& worker);

void write_all(int descriptor, const std::string& text);

// Asks `condition` again and again until it holds or patience is over, leaving the processor to
// others in between. For states of another process that no descriptor announces; `alive` is the
// pidfd of that process: its death ends the wait.
[[nodiscard]] bool eventually(const std::function<bool()>& condition, int alive);
// How many descriptors the process has open.
[[nodiscard]] std::size_t descriptors_of(int pid);

// The children of this process that are not reaped: "pid name state".
[[nodiscard]] std::vector<std::string> children();

}  // namespace ordeal::pool::process

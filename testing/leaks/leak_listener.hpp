// The leak check as part of every test of a program: a GoogleTest listener.
//
// Linked through the target ordeal_trial_leak_check, it installs itself before main(). Each test
// that leaves something behind fails, and each suite whose fixture does; the failure names what was
// left. What is left is then removed as far as possible.
//
// The program gets a random marker ORDEAL_TEST_ID in its environment, and a folder of its own as
// TMPDIR. A pool passes neither of them on by itself (options.environment_allow has TMPDIR, not the
// marker): tests set options.environment["ORDEAL_TEST_ID"] = std::string{trial::test_id()}.
//
// ORDEAL_LEAK_PATIENCE_MS says how long ends that are on their way are awaited (2000).
//
// What else is to be looked at when a test is over, and may still fail it: at_test_end().
//
// To let a test leave something on purpose: there is no way. Clean up in the test.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace ordeal::trial {

inline constexpr std::string_view test_id_variable = "ORDEAL_TEST_ID";

// Idempotent. REQUIRES: before the first test, and before other threads use the environment.
void install_leak_check();

// Runs at the end of each test and suite from now on, before it is looked what it has left behind.
void at_test_end(std::function<void()> hook);

// The value of the marker, and the temporary folder, of this program. Empty before
// install_leak_check().
[[nodiscard]] std::string_view test_id();
[[nodiscard]] const std::string& temp_folder();
// Whether the check is installed, and this is the process that it was installed in, no fork of it.
[[nodiscard]] bool tests_run_here();

}  // namespace ordeal::trial

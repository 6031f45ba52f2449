// Each run of a pool in a test is recorded (its first 2 MiB), and when the test is over a fresh
// core decides it anew: the same actions, byte for byte, or the test fails. What the run had
// reason to wait for is declared (testing/timeouts): a wait that time ended for no such reason
// fails the test, too.
//
// must_start() (support.hpp) does it for every pool that it starts.
#pragma once

#include "ordeal/pool/options.hpp"

namespace ordeal::pool {

// These options, with a record file of their own unless they have one. One run for each call.
[[nodiscard]] Options recorded(Options options);

}  // namespace ordeal::pool

// Each run of a pool in a test is recorded (its first 2 MiB), and when the test is over a fresh
// core decides it anew: the same actions, byte for byte, or the test fails. What the run had
// reason to wait for is declared (testing/timeouts): a wait that time ended for no such reason
// fails the test, too.
//
// The trial's reference pool and the fixtures' own pools do it by themselves, and so does
// must_start() of the pool's tests. Where no leak check is installed there is no folder for records
// and nobody who looks at them: the options stay as they are. So they do in a fork of a test, which
// nobody asks when the test is over.
#pragma once

#include <cstdint>
#include <string_view>

#include "ordeal/pool/options.hpp"
#include "testing/sim/replay.hpp"

namespace ordeal::trial {

// These options, with a record file of their own unless they have one. One run for each call.
[[nodiscard]] pool::Options recorded(pool::Options options);

// The same for a run whose record the test keeps itself, once the pool is gone. What a full record
// has no room for is not judged.
ReplayResult judge_run(std::string_view trace, std::uint64_t record_bytes_max);

}  // namespace ordeal::trial

// The checks that end a run against real processes, each three-valued, each of its own. They know
// the faults only as windows of time and as claims that need evidence.
//
// To add one: a function in judge.cpp's list, its line in chaos/README.md, and a made-up result in
// tests/judge_test.cpp on which it fails.
#pragma once

#include <string>
#include <vector>

#include "chaos/experiment/run.hpp"
#include "chaos/experiment/verdicts.hpp"

namespace ordeal::chaos {

[[nodiscard]] std::vector<Check> judge_run(const Plan& plan, const RunResult& result);

// The last line of a journal: the verdict with its reasons; before it, a line for each check, for
// each call that did not end ok (bounded), and the latencies by time.
void note_verdict(Journal& journal, const Plan& plan, const RunResult& result,
                  const std::vector<Check>& checks);
// Only the checks, and the verdict.
void note_checks(Journal& journal, const std::string& title, std::uint64_t seed,
                 const std::vector<Check>& checks);

}  // namespace ordeal::chaos

// The checks that end a run, in the order in which people read them: each a sentence and a verdict.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chaos/experiment/attack.hpp"
#include "testing/checkers/verdict.hpp"

namespace ordeal::chaos {

// What a run must reach to mean anything.
struct Bars {
  std::uint64_t calls_min = 1;
  std::uint32_t kills_min = 1;
  std::uint32_t struck_percent_min = 0;  // of the kills
  std::uint32_t ok_percent_min = 90;     // of the calls
};

struct Check {
  std::string name;      // for the summary: "conservation"
  std::string sentence;  // with its figures: "4120 sent = 4101 ok + ..."
  trial::Verdict verdict;
};

[[nodiscard]] std::vector<Check> judge(const AttackPlan& plan, const AttackResult& result,
                                       const Bars& bars);
[[nodiscard]] trial::Verdict overall(const std::vector<Check>& checks);

// Kills that struck a request in hand.
[[nodiscard]] std::uint32_t count_struck(const AttackResult& result);
[[nodiscard]] bool struck(const Victim& victim, const AttackResult& result);

}  // namespace ordeal::chaos

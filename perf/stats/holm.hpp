// Which of many tests count, so that many metrics do not mean many false alarms.
#pragma once

#include <vector>

#include "perf/stats/rules.hpp"

namespace ordeal::perf {

// Holm's step-down at the family's level alpha, times `strictness`; with more than
// rules.many_tests tests, each at alpha_many instead (A4: thirty tests at 0.01 would give a false
// alarm in a quarter of all families).
[[nodiscard]] std::vector<bool> significant(const std::vector<double>& p_values, const Rules& rules,
                                            double strictness = 1);

}  // namespace ordeal::perf

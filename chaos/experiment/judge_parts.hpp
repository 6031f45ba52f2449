// The checks of judge.cpp's list, by what they look at, and what they share.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "chaos/experiment/judge.hpp"

namespace ordeal::chaos {

// A clock reading of the run's thread may be this much behind what a caller saw.
inline constexpr milliseconds judge_slack{50};

inline bool has(TimePoint at) { return at != TimePoint{}; }
inline double ms(TimePoint from, TimePoint to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}
inline bool was_injected(const Strike& strike) {
  return strike.state != Strike::State::skipped && has(strike.injected_at);
}
[[nodiscard]] bool was_undone(const Strike& strike);
[[nodiscard]] std::string name_of(const Strike& strike);
// Failed or indeterminate, and not because its caller gave it up.
[[nodiscard]] bool went_wrong(const trial::CallRecord& call);
// Was the call under way while the fault had its effect?
[[nodiscard]] bool beside(const trial::CallRecord& call, const Strike& strike);
// Or while an operator was at work, or after the pool was told to stop?
[[nodiscard]] bool beside_operations(const trial::CallRecord& call, const RunResult& result);
[[nodiscard]] bool beside_stop(const trial::CallRecord& call, const RunResult& result);
// A pass without evidence; of much evidence, the beginning.
[[nodiscard]] trial::Verdict fail_if(std::vector<std::string> evidence);

// judge_effects.cpp: what the faults did to calls, and how soon it was over.
[[nodiscard]] Check check_blast_radius(const RunResult& result);
[[nodiscard]] Check check_right_errors(const RunResult& result);
[[nodiscard]] Check check_noticed(const Plan& plan, const RunResult& result);
[[nodiscard]] Check check_recovered(const Plan& plan, const RunResult& result);
[[nodiscard]] Check check_progress(const Plan& plan, const RunResult& result);

// judge_steady.cpp
[[nodiscard]] Check check_steady(const Plan& plan, const RunResult& result);

// judge_sessions.cpp
[[nodiscard]] Check check_sessions(const RunResult& result);
[[nodiscard]] Check check_affinity(const Plan& plan, const RunResult& result);

}  // namespace ordeal::chaos

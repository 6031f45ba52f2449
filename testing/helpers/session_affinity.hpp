// Whether the calls of each session go to one worker: holds, fails, or nothing can be said.
//
// With one worker, or with sessions one after another, any pool would seem to keep them apart. So
// nothing is said (unknown) unless two workers served and calls of two sessions overlapped. What a
// pool without affinity might get right by chance is asked for several times: sessions at once, and
// one after another in both orders, so that neither the worker used last nor the next in turn is
// always the right one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ordeal/pool/pool.hpp"
#include "testing/checkers/verdict.hpp"

namespace ordeal::trial {

struct AffinityCheck {
  std::uint32_t sessions = 4;
  std::uint32_t rounds = 4;  // each: all sessions at once, then one by one there and back
};

// Any pool: makes one call of the session, and says which worker served it. Called from several
// threads; an error is a failure of the check.
using ServedBy = std::function<pool::Result<std::uint64_t>(const std::string& session)>;
[[nodiscard]] Verdict verify_session_affinity(const ServedBy& served_by,
                                              const AffinityCheck& check = {});

// The reference pool: `command` is called, and should take a moment.
[[nodiscard]] Verdict verify_session_affinity(pool::Pool& pool, pool::AffinityPolicy policy,
                                              const std::string& command,
                                              const std::string& arguments,
                                              const AffinityCheck& check = {});

}  // namespace ordeal::trial

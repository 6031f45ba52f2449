// The reference pool on trial, over real processes: mock bridges (layer 2) or DSPy's (layer 3).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ordeal/pool/options.hpp"
#include "testing/contract/pool_under_test.hpp"

namespace ordeal::trial {

// `base`: whose command starts a bridge that offers the zoo; what a scenario's setup says is put
// on top. `state_folder`: for the files in which scripted starts are counted.
[[nodiscard]] std::shared_ptr<PoolUnderTest> make_reference_pool(pool::Options base,
                                                                 const std::string& state_folder);

// The setup in the reference pool's words: also the simulated pool's.
[[nodiscard]] pool::Options with_setup(pool::Options base, const Setup& setup);

[[nodiscard]] pool::RetryPolicy policy_of(const TrialRequest& request);

}  // namespace ordeal::trial

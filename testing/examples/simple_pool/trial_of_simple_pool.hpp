// The simple pool, put on trial: all that its author writes for it.
#pragma once

#include "testing/contract/pool_under_test.hpp"
#include "testing/examples/simple_pool/simple_pool.hpp"

namespace simple_pool {

[[nodiscard]] ordeal::trial::MakeWorld on_trial(Flaws flaws);

}  // namespace simple_pool

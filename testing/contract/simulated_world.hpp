// The contract in virtual time: the pool's real core, with simulated workers, a stage and a clock.
// It starts no process and no thread, never waits, and gives the same account each time.
//
// The oracle of testing/model and the core's own invariants watch every event; what they see broken
// is Stage::broken(). What the pool's hosts do (drivers, pipes, exits) is simulated as in
// testing/sim; what a worker does with a request is simulated_workers.cpp.
//
// What it leaves out, since there is nothing to be simulated: programs (Capability::programs).
#pragma once

#include "testing/contract/pool_under_test.hpp"

namespace ordeal::trial {

[[nodiscard]] World simulated_world();

}  // namespace ordeal::trial

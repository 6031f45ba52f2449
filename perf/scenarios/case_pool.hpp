// What the scenarios share: the pool of a case and the arguments of its calls.
#pragma once

#include <optional>
#include <string>

#include "ordeal/pool/pool.hpp"
#include "perf/suites/suite.hpp"
#include "pool/core/time.hpp"
#include "testing/load/open_loop.hpp"

namespace ordeal::perf {

// Where the workers' programs are: $ORDEAL_CHECKOUT (a kept binary outlives its own), else the
// installation's data, else the checkout that this was built from.
[[nodiscard]] std::string checkout_folder();

[[nodiscard]] pool::Options options_of(const CaseSpec& spec);
[[nodiscard]] std::vector<std::string> worker_command(const CaseSpec& spec);
[[nodiscard]] std::string arguments_of(const CaseSpec& spec);

[[nodiscard]] Error no_program(const CaseSpec& spec, const pool::Error& error);

// A call of the case through this pool; `queued`, if there, gets each ok call's time in the queue,
// one histogram a caller.
[[nodiscard]] trial::MakeCall calls_through(pool::Pool& pool, const CaseSpec& spec,
                                            bool tried_again,
                                            std::vector<trial::LatencyHistogram>* queued = nullptr);

}  // namespace ordeal::perf

// The contract among real processes: the whole pool, real wire, mock bridges.
#include "pool/runtime/tests/support.hpp"
#include "testing/contract/real_stage.hpp"
#include "testing/contract/reference_pool.hpp"
#include "testing/contract/tests/contract_suite.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::trial {

World make_world() {
  pool::Options options = pool::mock_options(1);
  options.environment["GEMINI_API_KEY"] = "none";  // the mock wants one before it answers
  return {.stage = std::make_shared<RealStage>(temp_folder()),
          .pool = make_reference_pool(std::move(options), temp_folder())};
}

bool is_run_here(const Scenario&) { return true; }
std::string reason_to_skip() { return {}; }
TrialOptions trial_options() { return {.at_once = 8}; }

}  // namespace ordeal::trial

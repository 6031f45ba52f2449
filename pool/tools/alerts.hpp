// `run --alerts` and `--alert-rule`: the run's reporter.
#pragma once

#include "ordeal/pool/reporter.hpp"
#include "pool/tools/run_options.hpp"

namespace ordeal::pool::tools {

// Errors: invalid_option, "--alert-rule: alert rule window_ms: 0 is out of range, ...".
[[nodiscard]] Result<AlertRules> alert_rules(const RunArguments& arguments);

// The destinations that were asked for. Errors: invalid_option, naming what cannot be opened.
[[nodiscard]] Result<std::vector<AlertDestination>> alert_destinations(
    const RunArguments& arguments);

// After the pool's end: waits for what is on its way, and a sentence for each destination that
// missed something; empty if none did.
[[nodiscard]] std::vector<std::string> close_alerts(Reporter& reporter);

}  // namespace ordeal::pool::tools

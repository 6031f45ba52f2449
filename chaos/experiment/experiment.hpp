// An experiment as data: a TOML file. Read whole and checked before the first process starts.
//
//     title = "One worker killed under load"
//     seed = 7
//     [pool]                      # any option of the pool, as in ordeal-pool's --config
//     command = ["python3", "{mock_bridge}", "--faults"]
//     size = 4
//     [load]
//     callers = 8
//     duration_ms = 3000
//     [fault]
//     kind = "kill_worker"
//     targets = ["one", "busiest"]    # in turn
//     every_ms = 300
//     [end]
//     quiet_ms = 800
//     recovery_max_ms = 10000
//     [bars]
//     kills_min = 1
//
// experiment_toml.cpp's tables list every member with its range.
#pragma once

#include <string>
#include <string_view>

#include "chaos/experiment/verdicts.hpp"

namespace ordeal::chaos {

struct Experiment {
  AttackPlan plan;
  Bars bars;
};

// "{mock_bridge}" in pool.command becomes `mock_bridge`. Errors: invalid_option (or what the pool
// says of its options), beginning with "file_name:line: ".
[[nodiscard]] pool::Result<Experiment> experiment_from_toml(std::string_view text,
                                                            std::string_view file_name,
                                                            std::string_view mock_bridge);

}  // namespace ordeal::chaos

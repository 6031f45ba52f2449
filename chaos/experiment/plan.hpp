// An experiment as data, read whole and checked before the first process starts (plan_toml.cpp).
//
//     title = "A frozen worker under load"
//     seed = 7
//     [pool]                        # any option of the pool, as in ordeal-pool's --config
//     command = ["{relay}", "--control", "{relay_folder}", "--", "python3", "{mock_bridge}"]
//     size = 3
//     [load]
//     callers = 6
//     duration_ms = 2500
//     [[fault]]                     # as many as you like
//     kind = "freeze_worker"        # ordeal-chaos list
//     target = "busiest"
//     at_ms = 300
//     duration_ms = 400             # then it is undone
//     [random]                      # faults drawn from the seed, besides or instead
//     kinds = ["kill_worker", "garbage_reply"]
//     budget = 4
//     [[steady]]                    # what a healthy pool is
//     probe = "workers_serving"
//     min = 3
//     [end]
//     early = true                  # duration_ms is the most it may take
//     [bars]                        # what it is judged by besides
//     ok_percent_min = 90
//
// chaos/README.md lists all keys.
//
// In pool.command and pool.session_store these stand for what a run has: {mock_bridge}, {relay},
// {relay_folder}, {store}.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/faults/registry.hpp"
#include "ordeal/pool/options.hpp"
#include "ordeal/pool/reporter.hpp"
#include "testing/load/arrivals.hpp"
#include "testing/load/call_mix.hpp"
#include "testing/sim/fault_rates.hpp"

namespace ordeal::chaos {

struct FaultEntry {
  const FaultKind* kind = nullptr;
  Values values;
  Target target;
  milliseconds at{0};          // since the load began
  milliseconds every{0};       // 0: once
  std::uint32_t times = 1;     // with every
  milliseconds duration{300};  // until it is undone
  milliseconds stagger{0};     // between the targets of one shot
  milliseconds proof_max{3'000};
  bool overlap = false;  // does not wait until the pool is whole again
};

struct DrawnFaults {
  std::vector<const FaultKind*> kinds;
  std::uint32_t budget = 0;  // faults at most
  milliseconds from{200};
  milliseconds distance_min{100};
  milliseconds duration_min{50};
  milliseconds duration_max{300};
};

struct RateStep {
  milliseconds at{0};
  std::uint32_t per_second = 0;
  bool ramp = false;  // linearly from the step before
};

struct LoadPlan {
  std::uint32_t callers = 8;
  milliseconds duration{2'500};
  milliseconds deadline{5'000};
  std::optional<milliseconds> deadline_min;  // then each call's is drawn between them
  trial::CallMix mix;
  std::string command;  // instead of the mix's, with its arguments
  bool idempotent = false;
  std::uint32_t retries = 0;
  std::uint32_t sessions = 0;  // each call also counts up in one of so many sessions
  pool::AffinityPolicy affinity = pool::AffinityPolicy::none;  // else it is a call of that session
  std::vector<RateStep> rate;  // empty: each caller as fast as it is answered
  trial::Spacing spacing;      // with a rate
};

// Tolerances of one probe: at rest (before the faults, after healing, after the rollback), and all
// the time in between.
struct Hypothesis {
  std::string probe;
  std::optional<double> min, max;
  std::optional<double> during_min, during_max;
};
inline constexpr std::string_view probe_names =
    "workers_serving, queue_depth, ok_percent, throughput_per_s, p99_ms";

struct RunBars {
  std::uint64_t calls_min = 20;
  std::uint32_t strikes_min = 1;
  std::uint32_t ok_percent_min = 90;
  std::uint32_t fds_grown_max = 0;
  std::uint32_t rss_grown_mib_max = 64;
  std::uint64_t spawns_max = 0;    // 0: any number
  milliseconds notice_max{2'500};  // from a death to the pool's notice, and to its caller's
  milliseconds first_ok_max{0};  // from a fault to the first call begun later that ends ok; 0: any
  std::uint32_t affinity_percent_min = 0;  // of calls in sessions: by the worker of the one before
  std::uint32_t begun_percent_min = 95;    // of the calls that were due, of a load with a rate
  std::uint64_t progress_min = 10;         // calls begun after the faults that must end ok
  std::map<std::string, std::uint64_t> events_min;  // of the pool, by name
  // What the pool's core was told and has answered is recorded, and each promise looked at, as in
  // virtual time.
  bool promises = false;
};

// What the load has besides, from the table [simulation]. `parts` are of 1000 requests. On real
// processes callers cancel and take leases, operators work, and the pool is stopped under load as
// here (load_target.hpp, operator.hpp, run.hpp); of the rest nothing is asked there.
struct SimulatedLoad {
  std::uint64_t requests_max = 1'000'000;  // before the load's duration is over
  std::uint32_t latency_max_us = 5'000;
  std::uint32_t think_max_us = 2'000;
  std::uint32_t start_max_ms = 50;
  std::uint32_t stop_grace_max_ms = 2'000;
  std::optional<std::uint32_t> idempotent_parts, retry_parts;  // else as load.idempotent, .retries
  std::uint32_t cancel_parts = 0;
  std::uint32_t lease_parts = 0;
  std::uint32_t session_parts = 1000;   // if there are load.sessions
  std::uint32_t strict_parts = 0;       // of those: affinity
  std::uint32_t stateful_parts = 0;     // of those: state in the worker
  std::uint32_t session_end_parts = 0;  // of those: the session is ended behind them
  std::uint32_t circuits = 0;           // that guard the requests, evenly
  std::uint32_t order_parts = 0;        // an operator sets a circuit
  std::uint32_t operation_parts = 0;    // an operator resizes, replaces, pauses, drains, rolls
  std::uint32_t race_parts = 0;         // of the ends: something else comes at that very instant
  std::uint32_t extreme_parts = 0;      // of the retries: delays at the end of their range
  bool stop_under_load = false;
  bool stop_again = false;    // the pool is told to stop twice, with another grace
  bool bad_programs = false;  // every other roll is to a program that does not start
  bool look_closely = false;  // judged, too: all that the core shows of itself and tells
  bool run_twice = false;     // judged, too: the same seed is the same run again
  // Besides, parts of the core are walked through alone, so many steps (testing/model/walks).
  std::uint32_t part_steps = 0;
  // What goes wrong by itself, without a schedule: `NAME_parts` (simulated_keys.cpp).
  trial::FaultRates rates;
};

// One due act of the schedule.
struct Shot {
  std::size_t entry = 0;
  milliseconds due{0};
};

struct Plan {
  std::string title;
  std::uint64_t seed = 0;
  std::string text;  // the file, for the journal
  pool::Options pool;
  bool store_in_file = false;
  bool with_relay = false;
  bool with_model = false;
  LoadPlan load;
  std::vector<FaultEntry> faults;  // those written, then those drawn
  std::size_t written = 0;
  SimulatedLoad simulated;
  std::optional<DrawnFaults> drawn;
  std::optional<pool::AlertRules> alerts;  // then the pool's alerts count as events
  std::vector<Hypothesis> steady;
  milliseconds settle{50};  // whole for so long before the next fault
  milliseconds quiet{500};
  milliseconds recovery_max{10'000};
  milliseconds undo_max{5'000};  // an undo is tried again for so long
  bool early = false;  // the load ends `quiet` after the last fault is over, if that is sooner
  RunBars bars;
  std::vector<Shot> shots;  // the schedule, by due; drawn from the seed where drawn
  bool exact = false;       // replay: shots are fired when due, whole or not
};

// Errors begin with "file_name:line: ". The registry must outlive the plan.
[[nodiscard]] pool::Result<Plan> plan_from_toml(std::string_view text, std::string_view file_name,
                                                const Registry& registry,
                                                std::string_view mock_bridge);

// Fills plan.shots from plan.seed: same plan and seed, same schedule. Drawn faults are appended to
// plan.faults.
void draw_schedule(Plan& plan);

}  // namespace ordeal::chaos

// The faults of the registry as faults of the simulator.
#include "chaos/simulated/simulated.hpp"

namespace ordeal::chaos {
namespace {

using trial::PlannedFault;
using K = PlannedFault::Kind;
using pool::ErrorCode;

struct Row {
  std::string_view name;
  K kind;
  ErrorCode code = ErrorCode::none;
  std::string_view count = {};      // the option that says how many replies or starts
  std::string_view amount_ms = {};  // how much later, or how long each stop
  std::string_view pause_ms = {};
};

// A reply that trickles is late, to a core; one that is cut is a worker that died within it.
constexpr Row rows[] = {
    {"kill_worker", K::kill},
    {"terminate_worker", K::terminate},
    {"crash_worker", K::kill},
    {"exit_worker", K::kill},
    {"freeze_worker", K::freeze},
    {.name = "flap_worker", .kind = K::freeze, .amount_ms = "stop_ms", .pause_ms = "run_ms"},
    {"hang_worker", K::silence},
    {"fail_start", K::fail_starts, ErrorCode::none, "starts"},
    {"hang_start", K::hang_starts, ErrorCode::none, "starts"},
    {"slow_start", K::slow_starts, ErrorCode::none, "starts", "delay_ms"},
    {"garble_start", K::garble_starts, ErrorCode::none, "starts"},
    {"delay_replies", K::delay, ErrorCode::none, "frames", "latency_ms"},
    {"throttle_replies", K::delay, ErrorCode::none, "frames"},
    {"split_replies", K::delay, ErrorCode::none, "frames", "apart_ms"},
    {"black_hole", K::silence},
    {"full_pipe", K::silence},
    {"drop_replies", K::drop, ErrorCode::none, "frames"},
    {"wrong_id", K::violate, ErrorCode::reply_id_mismatch, "frames"},
    {"stale_reply", K::violate, ErrorCode::reply_id_mismatch, "frames"},
    {"garbage_reply", K::violate, ErrorCode::malformed_reply, "frames"},
    {"flip_bit", K::violate, ErrorCode::malformed_reply, "frames"},
    {"oversize_reply", K::violate, ErrorCode::reply_too_large, "frames"},
    {"truncate_reply", K::truncate, ErrorCode::none, "frames"},
    {"duplicate_reply", K::stray, ErrorCode::none, "frames"},
    {"stray_output", K::stray, ErrorCode::none, "frames"},
};

// A reply of the kit's echo has so many bytes.
constexpr std::int64_t reply_bytes = 130;

std::int64_t value_of(const FaultEntry& entry, std::string_view option) {
  const auto found = entry.values.find(option);
  return found == entry.values.end() ? 0 : found->second;
}

void take_target(const Target& target, PlannedFault& fault) {
  using From = Target::Rule;
  using To = PlannedFault::Rule;
  fault.workers = target.count;
  switch (target.rule) {
    case From::one:
      fault.rule = To::drawn;
      fault.workers = 1;
      return;
    case From::random:
      fault.rule = To::drawn;
      return;
    case From::share:
      fault.rule = To::share;
      return;
    case From::busiest:
      fault.rule = To::busiest;
      return;
    case From::oldest:
      fault.rule = To::oldest;
      return;
    case From::idle:
      fault.rule = To::idle;
      return;
    case From::all:
      fault.rule = To::all;
      return;
  }
}

}  // namespace

std::vector<PlannedFault> to_planned(const FaultEntry& entry, milliseconds due) {
  for (const Row& row : rows) {
    if (row.name != entry.kind->name) continue;
    PlannedFault fault{.kind = row.kind, .at = due, .duration = entry.duration, .code = row.code};
    take_target(entry.target, fault);
    if (!row.count.empty()) fault.count = static_cast<std::uint32_t>(value_of(entry, row.count));
    if (!row.amount_ms.empty()) fault.amount = milliseconds{value_of(entry, row.amount_ms)};
    if (!row.pause_ms.empty()) fault.pause = milliseconds{value_of(entry, row.pause_ms)};
    if (const auto rate = value_of(entry, "bytes_per_s"); rate > 0) {
      fault.amount = milliseconds{1'000 * reply_bytes / rate};
    }
    if (!entry.kind->undoes) fault.duration = {};
    fault.when_whole = !entry.overlap;
    return {fault};
  }
  return {};
}

}  // namespace ordeal::chaos

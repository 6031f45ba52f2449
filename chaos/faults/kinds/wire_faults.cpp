// Faults of the wire, done by the relay between pool and worker. Proof: the relay's own count of
// the frames and bytes it touched. Needs a worker command that begins with {relay}.
#include <fmt/format.h>

#include "chaos/faults/kinds/relayed.hpp"
#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

constexpr std::int64_t endless = 1'000'000'000;

struct Row {
  std::string_view name;
  WireMode mode;
  std::string_view summary;
  std::string_view expected;
  std::int64_t frames;              // touched by default
  std::vector<OptionSpec> options;  // the first is `a`, the second `b`
};

constexpr std::string_view retired =
    "that call fails, indeterminate; that worker alone is replaced; no wrong answer";

const Row rows[] = {
    {"delay_replies",
     WireMode::delay,
     "replies come late, with jitter",
     "slower, and no restart as long as deadlines hold",
     endless,
     {{"latency_ms", 0, 60'000, 30, "added to each reply"},
      {"jitter_ms", 0, 60'000, 20, "up to so much more"}}},
    {"throttle_replies",
     WireMode::throttle,
     "replies trickle at a rate",
     "only this worker is slow",
     endless,
     {{"bytes_per_s", 50, 1'000'000'000, 2'000, "the rate"}}},
    {"split_replies",
     WireMode::split,
     "replies come in small pieces, with pauses",
     "right answers; only this worker is slow",
     endless,
     {{"piece_bytes", 1, 65'536, 20, "of each piece"}, {"apart_ms", 0, 10'000, 1, "the pauses"}}},
    {"black_hole",
     WireMode::black_hole,
     "nothing comes through, either way; the pipe stays open",
     "calls end by their deadline; the worker is quarantined and replaced",
     endless,
     {}},
    {"drop_replies", WireMode::drop, "a reply is lost", "the call ends by its deadline", 1, {}},
    {"wrong_id",
     WireMode::wrong_id,
     "a reply bears another request's id",
     retired,
     1,
     {{"delta", -1'000'000, 1'000'000, 1, "added to the id"}}},
    {"garbage_reply", WireMode::garbage, "a frame of noise instead of a reply", retired, 1, {}},
    {"truncate_reply", WireMode::truncate, "half a reply, then the stream's end", retired, 1, {}},
    {"oversize_reply", WireMode::oversize, "a reply that announces 2^31 - 1 bytes", retired, 1, {}},
    {"duplicate_reply",
     WireMode::duplicate,
     "a reply comes twice",
     "the first counts, the second is nobody's; the worker is replaced",
     1,
     {}},
    {"flip_bit", WireMode::flip_bit, "a bit of a reply's envelope is flipped", retired, 1, {}},
    {"stray_output",
     WireMode::stray,
     "text that is no frame, behind a reply",
     "the reply counts, the worker is replaced",
     1,
     {}},
    {"stale_reply",
     WireMode::stale,
     "an old reply is sent again before the new one",
     retired,
     1,
     {}},
    {"full_pipe",
     WireMode::deaf,
     "the worker reads no requests: the pipe fills up",
     "calls end by their deadline; nobody else waits",
     endless,
     {}},
};

FaultKind wire_kind(const Row& row) {
  FaultKind kind{.name = row.name,
                 .summary = row.summary,
                 .proof = "the relay has counted frames that it touched",
                 .expected = row.expected,
                 .in_simulation = true,
                 .options = row.options};
  kind.options.push_back({"frames", 1, endless, row.frames, "touched at most, then it is over"});
  kind.permit = permit_relay;
  kind.plan = plan_relay;
  const std::string a = row.options.empty() ? "" : std::string{row.options[0].name};
  const std::string b = row.options.size() < 2 ? "" : std::string{row.options[1].name};
  kind.inject = [mode = row.mode, a, b](Strike& strike, Site& site) -> Attempt<void> {
    const auto control = relay_of(strike);
    if (!control) return tl::unexpected(std::string{"the relay of that worker is gone"});
    control->a = a.empty() ? 0 : strike.value(a);
    control->b = b.empty() ? 0 : strike.value(b);
    control->seed = site.random.next();
    control->frames_left.store(strike.value("frames"));
    control->mode.store(static_cast<std::uint32_t>(mode));
    return {};
  };
  // A relay that reads nothing touches nothing: that its pipe is not read is its effect.
  kind.prove = row.mode == WireMode::deaf ? prove_unread : prove_touched;
  kind.undo = undo_relay;
  kind.undone = relay_undone;
  return kind;
}

}  // namespace

void add_wire_faults(std::vector<FaultKind>& kinds) {
  for (const Row& row : rows) kinds.push_back(wire_kind(row));
}

}  // namespace ordeal::chaos

// The oracle of a core that is wrong: records of right runs in which a line is missing, comes twice
// or comes too early. Whatever it makes of them, it must live to say so; and it must see most.
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "pool/core/random.hpp"
#include "pool/core/trace.hpp"
#include "testing/cites/cites.hpp"
#include "testing/model/core_oracle.hpp"
#include "testing/sim/replay.hpp"
#include "testing/sim/simulation.hpp"

namespace ordeal::trial {
namespace {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout

// Empty if a second core does not decide it in the same way: that one could not be fed with it.
std::vector<TraceLine> record_of(std::uint64_t seed) {
  SimulationOptions options = swarm(seed);
  options.requests = 60;
  options.record = true;
  const SimulationReport report = Simulation(seed, options).run();
  EXPECT_EQ(report.error, "");
  std::vector<TraceLine> lines;
  if (!replay(report.trace).same) return lines;
  TraceReader reader{report.trace};
  for (auto line = reader.next(); line && *line; line = reader.next()) lines.push_back(**line);
  return lines;
}

bool tells_only(const TraceLine& line) {
  const Action* action = std::get_if<Action>(&line);
  return std::holds_alternative<EmitSwitch>(line) ||
         (action != nullptr && std::holds_alternative<action::Emit>(*action));
}

// Breaks a line behind the header that the oracle looks at.
std::size_t break_one(std::vector<TraceLine>& lines, Random& random) {
  std::size_t at = 0;
  do {
    at = 1 + random.below(lines.size() - 2);
  } while (tells_only(lines[at]));
  const auto place = lines.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random.below(3)) {
    case 0:
      lines.erase(place);
      break;
    case 1:
      lines.insert(place, TraceLine{*place});
      break;
    default:
      std::swap(lines[at], lines[at + 1 + random.below(lines.size() - at - 1)]);
  }
  return at;
}

// What the oracle finds in these lines. Up to `sound` a core is there to be compared, too.
std::string found_in(const std::vector<TraceLine>& lines, std::size_t sound) {
  const auto& header = std::get<TraceHeader>(lines.front());
  Core core{header.options, header.seed};
  core.set_emit(header.emit);
  CoreOracle oracle{header.options};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (const auto* traced = std::get_if<TracedEvent>(&lines[i])) {
      if (i > 1 && i < sound) oracle.after(core);
      oracle.before(traced->at, traced->event);
      if (i < sound) core.handle_event(traced->at, traced->event);
      while (i < sound && core.poll_action()) {
      }
    } else if (const auto* action = std::get_if<Action>(&lines[i]);
               action != nullptr && !tells_only(lines[i])) {
      oracle.action(*action);
    }
  }
  return oracle.error();
}

TEST(BrokenRecords, AreSurvivedByTheOracleWhichSeesMostOfThem) {
  cites(50);
  constexpr std::uint64_t seeds = 40;
  constexpr int breaks_of_each = 50;
  Random random{7};
  std::uint64_t seen = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::vector<TraceLine> right = record_of(seed);
    ASSERT_GT(right.size(), 50U);
    ASSERT_EQ(found_in(right, right.size()), "") << "seed " << seed;
    for (int i = 0; i < breaks_of_each; ++i) {
      std::vector<TraceLine> broken = right;
      const std::size_t sound = break_one(broken, random);
      if (!found_in(broken, sound).empty()) ++seen;
    }
  }
  EXPECT_GT(seen, seeds * breaks_of_each * 3 / 4);  // some break nothing
  RecordProperty("seen", std::to_string(seen));
}

}  // namespace
}  // namespace ordeal::trial

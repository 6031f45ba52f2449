// A few hundred worlds, each from its seed; and that a seed is all there is to a run.
#include "testing/sim/simulation.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>

#include "testing/cites/cites.hpp"
#include "testing/sim/replay.hpp"
#include "testing/sim/shrink.hpp"
#include "testing/sim/sights.hpp"

namespace ordeal::trial {
namespace {

constexpr std::uint64_t seeds = 300;

// For the matrix of mutants. In a process of its own: a core that is broken may end it.
std::string faults_needed(std::uint64_t seed) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    std::string text;
    for (const std::string& name :
         faults_that_matter(seed, swarm(seed), [](std::uint64_t of, const SimulationOptions&with) {
           return Simulation(of, with).run();
         })) {
      text += (text.empty() ? "" : " ") + name;
    }
    ::_exit(::write(ends[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::string text(4096, '\0');
  const ssize_t count = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

TEST(Simulation, EverySeedHoldsAndTogetherTheyGoEverywhere) {
  cites(1, 3, 4, 5, 6, 8, 9, 10, 12, 21, 22, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 38, 39,
        53);
  cites_bug_class(1, 3, 5, 7, 9, 10, 11, 12, 13, 15, 16, 17, 19);
  cites_property(1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 17, 19, 21, 22, 24);
  SuiteReport suite;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const SimulationReport report = Simulation(seed, swarm(seed)).run();
    suite.add(report);
    if (!report.error.empty()) {  // how soon it is found: kept for each mutant
      RecordProperty("requests_until_failure", std::to_string(suite.sum().counters.submitted));
      RecordProperty("faults", faults_needed(seed));
    }
    ASSERT_EQ(report.error, "") << "repro: ordeal-sim run --seeds " << seed << " --shrink";
  }
  std::cout << suite.summary() << '\n';
  // What a suite never saw it has not tested.
  EXPECT_THAT(suite.never_seen(), ::testing::IsEmpty());
}

SimulationReport recorded(std::uint64_t seed) {
  SimulationOptions options = swarm(seed);
  options.record = true;
  return Simulation(seed, options).run();
}

TEST(Simulation, TheSameSeedIsTheSameRun) {
  cites(51);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string trace = recorded(seed).trace;
    ASSERT_EQ(trace, recorded(seed).trace) << "seed " << seed;
    ASSERT_NE(trace, recorded(seed + 1).trace);
  }
}

TEST(Replay, OfARunGivesTheSameActions) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const SimulationReport report = recorded(seed);
    const ReplayResult result = replay(report.trace);
    ASSERT_TRUE(result.same) << result.difference;
    ASSERT_EQ(result.events, report.events);
  }
}

TEST(Replay, NamesTheFirstDifference) {
  std::string trace = recorded(1).trace;
  const auto spawn = trace.find("< spawn worker=0:1");
  ASSERT_NE(spawn, std::string::npos);
  std::string other = trace;
  other.replace(spawn, 18, "< spawn worker=0:9");
  const ReplayResult changed = replay(other);
  EXPECT_FALSE(changed.same);
  EXPECT_EQ(changed.line, 3U);
  EXPECT_EQ(changed.difference,
            "line 3: the trace says << spawn worker=0:9 overflow=0 generation=1>, the core says "
            "<< spawn worker=0:1 overflow=0 generation=1>");
}

TEST(Replay, NoticesActionsThatAreMissingOrTooMany) {
  const std::string trace = recorded(1).trace;
  const auto spawn = trace.find("< spawn");
  const auto end = trace.find('\n', spawn) + 1;
  std::string fewer = trace;
  fewer.erase(spawn, end - spawn);
  EXPECT_FALSE(replay(fewer).same);
  const std::string more = trace + "< stopped\n";
  EXPECT_NE(replay(more).difference.find("the core says <no more actions>"), std::string::npos);
}

TEST(Replay, RefusesWhatItCannotRead) {
  EXPECT_EQ(replay("").difference,
            "line 1: not_a_trace: the first line is not an ordeal-trace header");
  EXPECT_EQ(replay(recorded(1).trace + "nonsense\n").same, false);
}

}  // namespace
}  // namespace ordeal::trial

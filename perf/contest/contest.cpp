#include "perf/contest/contest.hpp"
#include "perf/bench/pinning.hpp"

#include <algorithm>
#include <numeric>

#include "perf/scenarios/case_pool.hpp"
#include "pool/core/random.hpp"

namespace ordeal::perf {
namespace {

double micros(pool::core::Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// What a block, or all of them, says by metric.
std::map<std::string, double, std::less<>> figures_of(const Block& block) {
  const auto calls = static_cast<double>(block.latencies.count());
  return {{"mean", block.latencies.mean_ns() / 1e3},
          {"p50", micros(block.latencies.percentile(50'000))},
          {"p90", micros(block.latencies.percentile(90'000))},
          {"p99", micros(block.latencies.percentile(99'000))},
          {"throughput", block.wall_s > 0 ? calls / block.wall_s : 0}};
}

struct Entrant {
  std::unique_ptr<Contestant> contestant;
  Standing standing;
  Block all;
  std::vector<std::map<std::string, double, std::less<>>> rounds;
};

Entrant enter(const std::string& name, const CaseSpec& spec) {
  Entrant entrant{.standing = {.name = name}};
  auto made = make_contestant(name, spec);
  if (made) {
    entrant.contestant = std::move(*made);
    entrant.standing.version = entrant.contestant->version();
  } else {
    entrant.standing.why_not = made.error().message;
  }
  return entrant;
}

void take_turn(Entrant& entrant, std::uint64_t calls, bool counts) {
  const auto block = entrant.contestant->run(calls);
  if (!block) {
    entrant.standing.why_not = block.error().message;
    entrant.contestant.reset();
    return;
  }
  if (!counts) return;
  entrant.rounds.push_back(figures_of(*block));
  entrant.all.wall_s += block->wall_s;
  entrant.all.latencies.merge(block->latencies);
  entrant.all.failed += block->failed;
  if (!block->note.empty()) entrant.all.note = block->note;
}

void sum_up(Entrant& entrant) {
  const auto figures = figures_of(entrant.all);
  Standing& standing = entrant.standing;
  standing.mean_us = figures.at("mean");
  standing.p50_us = figures.at("p50");
  standing.p90_us = figures.at("p90");
  standing.p99_us = figures.at("p99");
  standing.per_s = figures.at("throughput");
  standing.calls = entrant.all.latencies.count();
  standing.failed = entrant.all.failed;
  standing.note = entrant.all.note;
}

void compare(const Entrant& ordeal, Entrant& other) {
  for (const auto& [metric, value] : figures_of({})) {
    static_cast<void>(value);
    std::vector<double> ratios;
    for (std::size_t round = 0; round < std::min(ordeal.rounds.size(), other.rounds.size());
         ++round) {
      const double mine = ordeal.rounds[round].at(metric);
      const double theirs = other.rounds[round].at(metric);
      if (mine > 0 && theirs > 0) ratios.push_back(mine / theirs);
    }
    if (!ratios.empty()) other.standing.ratios[metric] = median_interval(std::move(ratios));
  }
}

}  // namespace

Attempt<ContestResult> run_contest(const CaseSpec& spec, const ContestOptions& options) {
  const Pinning pinning{spec.pinned};
  std::vector<Entrant> entrants;
  entrants.push_back(enter("ordeal", spec));
  for (const std::string& name : spec.beside) entrants.push_back(enter(name, spec));
  if (!entrants.front().contestant) {
    return tl::unexpected(Error{.kind = ErrorKind::program,
                                .about = spec.suite + "/" + spec.name,
                                .message = entrants.front().standing.why_not});
  }
  const bool calls = spec.scenario == Scenario::calls;
  const std::uint64_t block =
      calls ? std::max<std::uint64_t>(spec.calls / options.rounds, spec.callers) : 1;
  // Round 0 warms up, where there is something to warm.
  pool::core::Random random{options.seed};
  for (std::uint32_t round = calls ? 0 : 1; round <= options.rounds; ++round) {
    std::vector<std::size_t> order(entrants.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (const std::size_t turn : order) {
      if (entrants[turn].contestant) take_turn(entrants[turn], block, round > 0);
    }
  }
  ContestResult result{.rounds = options.rounds};
  for (Entrant& entrant : entrants) sum_up(entrant);
  for (std::size_t i = 1; i < entrants.size(); ++i) {
    compare(entrants.front(), entrants[i]);
    result.others.push_back(entrants[i].standing);
  }
  result.ordeal = entrants.front().standing;
  return result;
}

}  // namespace ordeal::perf

#include "testing/sim/shrink.hpp"

#include <algorithm>

#include "testing/sim/knobs.hpp"

namespace ordeal::trial {
namespace {

constexpr std::uint64_t seeds_tried = 6;

class Shrinker {
 public:
  Shrinker(Shrunk best, const SimulationRun& run)
      : best_(std::move(best)), promise_(promise_of(best_.error)), run_(run) {}

  Shrunk run() {
    using Kind = Knob::Kind;
    bool less = true;
    while (less) {
      less = false;
      less |= each(Kind::rate, [](const Knob&, std::uint64_t) { return std::uint64_t{0}; });
      less |= each(Kind::flag, [](const Knob&, std::uint64_t) { return std::uint64_t{0}; });
      less |= each(Kind::rate, [](const Knob&, std::uint64_t value) { return value / 2; });
      less |= each(Kind::time, halved);
      less |= each(Kind::time, snapped);
      less |= each(Kind::workers, lowest);
      less |= each(Kind::workers, halved);
      less |= each(Kind::load, lowest);
      less |= each(Kind::load, halved);
    }
    return std::move(best_);
  }

 private:
  using Change = std::uint64_t (*)(const Knob&, std::uint64_t);

  static std::uint64_t lowest(const Knob& knob, std::uint64_t) { return knob.least; }
  static std::uint64_t halved(const Knob& knob, std::uint64_t value) {
    return std::max(knob.least, value / 2);
  }
  // Down to the next power of ten.
  static std::uint64_t snapped(const Knob& knob, std::uint64_t value) {
    std::uint64_t round = 1;
    while (round <= value / 10) round *= 10;
    return std::max(knob.least, std::min(round, value));
  }

  bool each(Knob::Kind kind, Change change) {
    bool less = false;
    for (const Knob& knob : knobs()) {
      if (knob.kind == kind) less |= attempt(knob, change(knob, knob.get(best_.options)));
    }
    return less;
  }

  // Keeps the value if the promise is still broken.
  bool attempt(const Knob& knob, std::uint64_t value) {
    if (value >= knob.get(best_.options)) return false;
    SimulationOptions candidate = best_.options;
    knob.set(candidate, value);
    for (std::uint64_t i = 0; i < seeds_tried; ++i) {
      const std::uint64_t seed = i == 0 ? best_.seed : i;
      ++best_.tried;
      SimulationReport report = run_(seed, candidate);
      if (report.error.empty() || promise_of(report.error) != promise_) continue;
      best_.seed = seed;
      best_.options = std::move(candidate);
      best_.error = std::move(report.error);
      best_.events = report.events;
      return true;
    }
    return false;
  }

  Shrunk best_;
  std::string promise_;
  const SimulationRun& run_;
};

}  // namespace

std::string promise_of(const std::string& error) {
  std::string promise = error.substr(0, error.find(" (seed "));
  const std::size_t who = promise.rfind(" (");
  const bool names_who =
      who != std::string::npos && promise.ends_with(')') &&
      std::all_of(promise.begin() + static_cast<std::ptrdiff_t>(who) + 2, promise.end() - 1,
                  [](char c) { return c >= '0' && c <= '9'; });
  if (names_who) promise.erase(who);
  return promise;
}

std::string repro_line(std::uint64_t seed, const SimulationOptions& options) {
  const std::string set = difference(swarm(seed), options);
  return "ordeal-sim run --seeds " + std::to_string(seed) +
         (set.empty() ? "" : " --set \"" + set + "\"");
}

std::vector<std::string> faults_that_matter(std::uint64_t seed, const SimulationOptions& options,
                                            const SimulationRun& run) {
  std::vector<std::string> names;
  for (const Knob& knob : knobs()) {
    if (knob.kind != Knob::Kind::rate || knob.get(options) == 0) continue;
    SimulationOptions without = options;
    knob.set(without, 0);
    if (run(seed, without).error.empty()) names.emplace_back(knob.name);
  }
  return names;
}

Shrunk shrink(std::uint64_t seed, const SimulationOptions& options, const SimulationRun& run) {
  const SimulationReport report = run(seed, options);
  return Shrinker({.seed = seed,
                   .options = options,
                   .error = report.error,
                   .events = report.events,
                   .tried = 0},
                  run)
      .run();
}

Shrunk shrink(std::uint64_t seed, const SimulationOptions& options) {
  return shrink(seed, options, [](std::uint64_t of, const SimulationOptions& with) {
    return Simulation(of, with).run();
  });
}

}  // namespace ordeal::trial

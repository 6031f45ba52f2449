// Options of the subcommands that measure: compare, record, calibrate.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "perf/baseline/baseline_file.hpp"
#include "perf/baseline/store.hpp"
#include "perf/compare/session.hpp"

namespace ordeal::perf {

struct SessionOptions {
  std::vector<std::string> suites;
  std::vector<std::string> cases;  // "suite/case"; empty: all of the suites
  std::size_t pairs = 20;
  bool quick = false;
  bool deep = false;
  SampleSize size;
  double time_max_s = 60;
  std::uint64_t seed = 0;  // 0: of the clock, and printed
  std::string store;
  std::string baselines;
  std::string checkout;
  bool quiet = false;
};

void add_session_options(CLI::App* command, SessionOptions& options);

// Pairs a stage, time limits, seed and progress, as the options say; cases and samplers are empty.
[[nodiscard]] SessionPlan plan_of(const SessionOptions& options);

// The cases that the options name. Errors: program (the sampler's); value (names of nothing, with
// those that there are).
[[nodiscard]] Attempt<std::vector<Case>> chosen_cases(const SessionOptions& options,
                                                      const Sampler& sampler);

// This program, kept in the store.
struct KeptSelf {
  Sampler sampler;
  std::string bundle;
};
[[nodiscard]] Attempt<KeptSelf> keep_this_program(const SessionOptions& options);

// A command's words, divided by blanks.
[[nodiscard]] std::vector<std::string> words_of(const std::string& command);

[[nodiscard]] std::vector<std::string> suites_of(const std::vector<Case>& cases);

}  // namespace ordeal::perf

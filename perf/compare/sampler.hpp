// A program that runs one case once and prints a Sample: ours, an old one of the store, anybody's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "perf/measurement/measurement.hpp"

namespace ordeal::perf {

struct Sampler {
  std::vector<std::string> command;  // `sample ...` and `cases ...` are appended
  std::vector<std::pair<std::string, std::string>> environment;
};

// The one of a bundle of the store.
[[nodiscard]] Sampler sampler_of_bundle(const std::string& folder);

struct SampleSize {
  double seconds = 0;                          // 0: as the case says
  std::int64_t calls = 0;                      // the same; not both
  std::chrono::milliseconds time_max{60'000};  // then it hangs, and is killed
};

// A fresh process. Its environment gets longer by `padding` bytes, which moves its stack. Errors:
// program, and those of its output, naming the command.
[[nodiscard]] Attempt<Sample> take_sample(const Sampler& sampler, const std::string& suite,
                                          const std::string& case_name, const SampleSize& size,
                                          std::uint64_t seed, std::size_t padding);

// Of one suite, or of all if it is empty.
[[nodiscard]] Attempt<std::vector<Case>> list_cases(const Sampler& sampler,
                                                    const std::string& suite);

}  // namespace ordeal::perf

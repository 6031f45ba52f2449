// A recorded baseline: one file for each class of host and suite, baselines/<host>-<suite>.json.
// baselines/README.md has the schema. Its raw samples are pairs of runs of the same binary, so that
// the noise of this machine is recorded with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "perf/baseline/build_info.hpp"
#include "perf/baseline/fingerprint.hpp"
#include "perf/stats/noise.hpp"
#include "perf/stats/pairs.hpp"

namespace ordeal::perf {

inline constexpr std::string_view baseline_schema = "ordeal-perf-baseline/1";

struct Baseline {
  std::string created;  // UTC, ISO 8601
  std::string suite;
  std::string commit;
  std::string bundle;  // sha256 of the kept sampler
  BuildInfo build;
  Fingerprint host;
  std::uint64_t seed = 0;
  std::vector<Noise> noise;
  PairsFile same;  // both sides are this binary
};

[[nodiscard]] nlohmann::json to_json(const Baseline& baseline);
// Errors: schema, value.
[[nodiscard]] Attempt<Baseline> baseline_from_json(const nlohmann::json& value,
                                                   const std::string& about);
[[nodiscard]] std::string baseline_path(const std::string& folder, const std::string& host_id,
                                        const std::string& suite);

// All of the suite (of any, if empty), or only this host's; in the order of their names. A file
// that cannot be read is an error, not a baseline less. Errors: file, json, schema, value.
[[nodiscard]] Attempt<std::vector<Baseline>> load_baselines(const std::string& folder,
                                                            const std::string& suite);

// The baselines of this host for each of the suites. Errors: those above; baseline: none, or only
// other hosts', which are named.
[[nodiscard]] Attempt<std::vector<Baseline>> baselines_of(const std::string& folder,
                                                          const std::vector<std::string>& suites,
                                                          const Fingerprint& host);

// Now, UTC, ISO 8601.
[[nodiscard]] std::string timestamp_now();

}  // namespace ordeal::perf

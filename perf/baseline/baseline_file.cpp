#include "perf/baseline/baseline_file.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {

nlohmann::json to_json(const Baseline& baseline) {
  return {{"schema", baseline_schema},
          {"created", baseline.created},
          {"suite", baseline.suite},
          {"commit", baseline.commit},
          {"bundle_sha256", baseline.bundle},
          {"build", to_json(baseline.build)},
          {"fingerprint", to_json(baseline.host)},
          {"seed", baseline.seed},
          {"noise", to_json(baseline.noise)},
          {"samples", to_json(baseline.same)}};
}

Attempt<Baseline> baseline_from_json(const nlohmann::json& value, const std::string& about) {
  ReadErrors errors{about};
  ObjectReader reader{value, errors};
  Baseline baseline;
  reader.schema(baseline_schema);
  baseline.created = reader.text("created");
  baseline.suite = reader.text("suite");
  baseline.commit = reader.text("commit");
  baseline.bundle = reader.text("bundle_sha256");
  ObjectReader build = reader.object("build");
  baseline.build = read_build(build);
  ObjectReader host = reader.object("fingerprint");
  baseline.host = read_fingerprint(host);
  baseline.seed = static_cast<std::uint64_t>(reader.integer("seed"));
  baseline.noise = read_noise(reader, "noise");
  const auto& samples = reader.any("samples");
  reader.end();
  if (errors.first()) return tl::unexpected(*errors.first());
  auto same = pairs_from_json(samples, about + " (samples)");
  if (!same) return tl::unexpected(same.error());
  baseline.same = std::move(*same);
  return baseline;
}

std::string baseline_path(const std::string& folder, const std::string& host_id,
                          const std::string& suite) {
  return fmt::format("{}/{}-{}.json", folder, host_id, suite);
}

Attempt<std::vector<Baseline>> load_baselines(const std::string& folder, const std::string& suite) {
  std::vector<std::string> paths;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator{folder, failed}) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path().string());
  }
  if (failed) {
    return tl::unexpected(Error{ErrorKind::file, folder, "cannot be listed: " + failed.message()});
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Baseline> all;
  for (const auto& path : paths) {
    const auto value = read_json_file(path);
    if (!value) return tl::unexpected(value.error());
    auto baseline = baseline_from_json(*value, path);
    if (!baseline) return tl::unexpected(baseline.error());
    if (suite.empty() || baseline->suite == suite) all.push_back(std::move(*baseline));
  }
  return all;
}

Attempt<std::vector<Baseline>> baselines_of(const std::string& folder,
                                            const std::vector<std::string>& suites,
                                            const Fingerprint& host) {
  std::vector<Baseline> found;
  for (const auto& suite : suites) {
    auto all = load_baselines(folder, suite);
    if (!all) return tl::unexpected(all.error());
    std::vector<std::string> foreign;
    bool is_ours = false;
    for (auto& baseline : *all) {
      if (baseline.host == host) {
        is_ours = true;
        found.push_back(std::move(baseline));
      } else {
        foreign.push_back(fmt::format("{} ({})", baseline.host.id(), baseline.host.cpu));
      }
    }
    if (is_ours) continue;
    std::string message = fmt::format("has no baseline of suite {} for this host, {} ({})", suite,
                                      host.id(), host.cpu);
    if (!foreign.empty()) {
      message +=
          fmt::format("; it has those of {}, which are never compared", fmt::join(foreign, ", "));
    }
    return tl::unexpected(Error{ErrorKind::baseline, folder,
                                message + "; record one: ordeal-perf record --suite " + suite});
  }
  return found;
}

std::string timestamp_now() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

}  // namespace ordeal::perf

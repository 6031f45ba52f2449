// What is measured without calls: a session's update in its store, and the simulation's speed.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "ordeal/pool/pool.hpp"
#include "ordeal/pool/session.hpp"
#include "perf/scenarios/case_pool.hpp"
#include "perf/scenarios/run_case.hpp"
#include "testing/sim/simulation.hpp"

namespace ordeal::perf {
namespace {

using Clock = std::chrono::steady_clock;

// A folder of its own, gone with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "ordeal-perf-XXXXXX").string();
    if (mkdtemp(path.data()) != nullptr) path_ = path;
  }
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

Attempt<Findings> measure_store(const CaseSpec& spec, const SampleOptions& options) {
  const TemporaryFolder folder;
  pool::Options pool_options = options_of(spec);
  pool_options.size = 1;
  if (spec.store == "sqlite")
    pool_options.session_store = "sqlite:" + folder.path() + "/sessions.db";
  auto pool = pool::Pool::start(pool_options);
  if (!pool) return tl::unexpected(no_program(spec, pool.error()));
  constexpr std::uint64_t batches = 8;
  constexpr std::uint64_t sessions = 16;
  const std::uint64_t calls = options.calls > 0 ? options.calls : spec.calls;
  const std::uint64_t each = std::max<std::uint64_t>(calls / batches, 1);
  std::vector<pool::Session> handles;
  for (std::uint64_t i = 0; i < sessions; ++i)
    handles.push_back(pool->session(fmt::format("s-{}", i)));
  const auto update = [&](std::uint64_t number) {
    return handles[number % sessions].update(
        [](nlohmann::json& data) { data["count"] = data.value("count", 0) + 1; });
  };
  for (std::uint64_t i = 0; i < 2 * sessions; ++i) {
    if (const auto made = update(i); !made) return tl::unexpected(no_program(spec, made.error()));
  }
  Findings findings;
  double best_us = 0;
  const Usage before = usage_now(nullptr);
  for (std::uint64_t batch = 0; batch < batches; ++batch) {
    const auto begun = Clock::now();
    auto last = begun;
    for (std::uint64_t i = 0; i < each; ++i) {
      if (const auto made = update(i); !made) return tl::unexpected(no_program(spec, made.error()));
      const auto now = Clock::now();
      findings.latencies.add(now - last);
      last = now;
    }
    const double took_us = std::chrono::duration<double, std::micro>(last - begun).count();
    const double each_us = took_us / static_cast<double>(each);
    best_us = batch == 0 ? each_us : std::min(best_us, each_us);
    findings.duration_s += took_us / 1e6;
  }
  const Usage after = usage_now(nullptr);
  const auto count = static_cast<double>(batches * each);
  findings.values["cpu"] = (after.cpu_s - before.cpu_s) * 1e6 / count;
  findings.values["wall_min"] = best_us;
  findings.values["p99"] =
      std::chrono::duration<double, std::micro>(findings.latencies.percentile(99'000)).count();
  findings.values["allocations"] =
      static_cast<double>(after.allocations - before.allocations) / count;
  return findings;
}

Attempt<Findings> measure_simulation(const CaseSpec& spec, const SampleOptions& options) {
  const std::uint64_t wanted = options.calls > 0 ? options.calls : spec.calls;
  Findings findings;
  std::uint64_t requests = 0;
  const Usage before = usage_now(nullptr);
  // The same seeds whatever options.seed: which they are decides how much work a request is.
  for (std::uint64_t seed = 1; requests < wanted; ++seed) {
    const auto report = trial::Simulation{seed, trial::swarm(seed)}.run();
    if (!report.error.empty()) {
      return tl::unexpected(Error{.kind = ErrorKind::program,
                                  .about = fmt::format("simulation, seed {}", seed),
                                  .message = report.error});
    }
    requests += report.counters.submitted;
  }
  const Usage after = usage_now(nullptr);
  const double cpu_s = std::max(after.cpu_s - before.cpu_s, 1e-9);
  findings.values["cpu"] = cpu_s * 1e9 / static_cast<double>(requests);
  findings.values["requests"] = static_cast<double>(requests) / cpu_s;
  findings.duration_s = cpu_s;
  return findings;
}

}  // namespace ordeal::perf

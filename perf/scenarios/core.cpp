// One operation of the core: timed by Google Benchmark, its instructions counted by callgrind.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>

#include "perf/bench/core_stage.hpp"
#include "perf/scenarios/core_loop.hpp"
#include "perf/scenarios/run_case.hpp"

namespace ordeal::perf {
namespace {

constexpr std::uint32_t workers = 4;

void operate(CoreStage& stage, bool in_session) {
  if (in_session) {
    stage.call_in_session();
  } else {
    stage.call();
  }
}

// Keeps the best of the repetitions, prints nothing.
class Best final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type == Run::RT_Iteration) cpu_ns = std::min(cpu_ns, run.GetAdjustedCPUTime());
    }
  }
  double cpu_ns = std::numeric_limits<double>::infinity();
};

// What callgrind collects of `count` operations in a program of their own, start included.
std::optional<double> collected(const std::string& operation, std::uint64_t count) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const std::string command = fmt::format(
      "exec valgrind --tool=callgrind --callgrind-out-file=/dev/null '{}' core-loop --operation {} "
      "--count {} 2>&1",
      self.string(), operation, count);
  const std::unique_ptr<FILE, int (*)(FILE*)> output{popen(command.c_str(), "r"), pclose};
  if (!output) return {};
  constexpr std::string_view label = "Collected : ";
  std::array<char, 512> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), output.get()) != nullptr) {
    const std::string_view text{line.data()};
    const std::size_t at = text.find(label);
    if (at != std::string_view::npos) return std::strtod(line.data() + at + label.size(), nullptr);
  }
  return {};
}

}  // namespace

void run_core_loop(const std::string& operation, std::uint64_t count) {
  CoreStage stage{workers, operation == "guarded"};
  for (std::uint64_t i = 0; i < count; ++i) operate(stage, operation == "session");
}

Attempt<Findings> measure_core(const CaseSpec& spec, const SampleOptions&) {
  Findings findings;
  const bool in_session = spec.operation == "session";
  benchmark::RegisterBenchmark(spec.operation.c_str(),
                               [&](benchmark::State& state) {
                                 CoreStage stage{workers, spec.operation == "guarded"};
                                 for (int i = 0; i < 1000; ++i) operate(stage, in_session);
                                 for (auto _ : state) operate(stage, in_session);
                               })
      ->Repetitions(5)
      ->MinTime(0.05);
  Best best;
  benchmark::RunSpecifiedBenchmarks(&best, spec.operation);
  benchmark::ClearRegisteredBenchmarks();
  findings.values["cpu"] = best.cpu_ns;
  findings.duration_s = 5 * 0.05;

  constexpr std::uint64_t few = 1000;
  constexpr std::uint64_t many = 11'000;
  const auto start = collected(spec.operation, few);
  const auto end = collected(spec.operation, many);
  if (start && end) {
    findings.values["instructions"] = (*end - *start) / static_cast<double>(many - few);
  } else {
    findings.notes.push_back("instructions not counted: valgrind did not run");
  }
  return findings;
}

}  // namespace ordeal::perf

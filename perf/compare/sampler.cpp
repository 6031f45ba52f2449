#include "perf/compare/sampler.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "perf/baseline/program.hpp"
#include "perf/bench/python.hpp"
#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {
namespace {

template <typename Read>
auto read_output(const ProgramRequest& request, Read read)
    -> decltype(read(nlohmann::json{}, std::string{})) {
  const std::string name = fmt::format("{}", fmt::join(request.command, " "));
  const auto output = output_of(request);
  if (!output) return tl::unexpected(output.error());
  const auto value = parse_json(*output, name);
  if (!value) return tl::unexpected(Error{ErrorKind::program, name, value.error().message});
  auto result = read(*value, name);
  if (!result) return tl::unexpected(Error{ErrorKind::program, name, result.error().message});
  return result;
}

}  // namespace

// Both sides on one Python, whatever each was built with. Commits before eff616d take "python3"
// from PATH.
Sampler sampler_of_bundle(const std::string& folder) {
  const std::string python = worker_python();
  Sampler sampler{.command = {folder + "/ordeal-perf"},
                  .environment = {{"ORDEAL_CHECKOUT", folder}, {"ORDEAL_PYTHON", python}}};
  if (const std::size_t slash = python.rfind('/'); slash != std::string::npos) {
    const char* path = std::getenv("PATH");
    sampler.environment.emplace_back(
        "PATH", fmt::format("{}:{}", python.substr(0, slash), path == nullptr ? "" : path));
  }
  return sampler;
}

Attempt<Sample> take_sample(const Sampler& sampler, const std::string& suite,
                            const std::string& case_name, const SampleSize& size,
                            std::uint64_t seed, std::size_t padding) {
  ProgramRequest request{
      .command = sampler.command, .environment = sampler.environment, .time_max = size.time_max};
  for (const char* word : {"sample", "--suite", suite.c_str(), "--case", case_name.c_str()}) {
    request.command.emplace_back(word);
  }
  if (size.calls > 0) {
    request.command.emplace_back("--calls");
    request.command.push_back(std::to_string(size.calls));
  } else if (size.seconds > 0) {
    request.command.emplace_back("--seconds");
    request.command.push_back(fmt::format("{}", size.seconds));
  }
  request.command.emplace_back("--seed");
  request.command.push_back(std::to_string(seed));
  request.environment.emplace_back("ORDEAL_PERF_PADDING", std::string(padding, 'x'));
  return read_output(request, [&](const nlohmann::json& value, const std::string& about) {
    auto sample = sample_from_json(value, about);
    if (sample && (sample->suite != suite || sample->case_name != case_name)) {
      return Attempt<Sample>{tl::unexpected(
          Error{ErrorKind::program, about,
                fmt::format("measured {}/{} instead", sample->suite, sample->case_name)})};
    }
    return sample;
  });
}

Attempt<std::vector<Case>> list_cases(const Sampler& sampler, const std::string& suite) {
  ProgramRequest request{.command = sampler.command, .environment = sampler.environment};
  request.command.emplace_back("cases");
  request.command.emplace_back("--json");
  if (!suite.empty()) {
    request.command.emplace_back("--suite");
    request.command.push_back(suite);
  }
  return read_output(request, [](const nlohmann::json& value, const std::string& about) {
    return cases_from_json(value, about);
  });
}

}  // namespace ordeal::perf

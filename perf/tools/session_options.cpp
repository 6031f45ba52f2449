#include "perf/tools/session_options.hpp"
#include "pool/process/data_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <sstream>

namespace ordeal::perf {

void add_session_options(CLI::App* command, SessionOptions& options) {
  options.store = Store::standard_folder();
  options.checkout = checkout_of_this_build();
  options.baselines = options.checkout + "/baselines";
  command->add_option("--suite", options.suites, "only these suites (repeatable; default: all)");
  command->add_option("--case", options.cases, "only these, SUITE/CASE (repeatable)");
  command->add_option("--pairs", options.pairs, "pairs of fresh processes a stage")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command->add_flag("--quick", options.quick, "10 pairs")->excludes("--pairs");
  command->add_flag("--deep", options.deep, "40 pairs")->excludes("--pairs");
  auto* seconds = command->add_option("--seconds", options.size.seconds, "of a run, at most")
                      ->check(CLI::PositiveNumber);
  command->add_option("--calls", options.size.calls, "of a run, instead of what the case says")
      ->check(CLI::PositiveNumber)
      ->excludes(seconds);
  command->add_option("--time-max", options.time_max_s, "seconds after which a run hangs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--seed", options.seed, "of all that is drawn; 0: of the clock, printed");
  command->add_option("--store", options.store, "where old samplers are kept ($ORDEAL_PERF_STORE)")
      ->capture_default_str();
  command->add_option("--baselines", options.baselines, "folder of recorded baselines")
      ->capture_default_str();
  command->add_option("--checkout", options.checkout, "the repository of the commits")
      ->capture_default_str();
  command->add_flag("--quiet", options.quiet, "no progress on stderr");
}

SessionPlan plan_of(const SessionOptions& options) {
  SessionPlan plan;
  plan.pairs = options.quick ? 10 : options.deep ? 40 : options.pairs;
  plan.size = options.size;
  plan.size.time_max =
      std::chrono::milliseconds{static_cast<std::int64_t>(options.time_max_s * 1000)};
  plan.seed = options.seed;
  if (plan.seed == 0) {
    const auto ticks = std::chrono::system_clock::now().time_since_epoch().count();
    plan.seed = static_cast<std::uint64_t>(ticks) % 1'000'000'000;
  }
  if (!options.quiet) {
    plan.progress = [](const std::string& text) { fmt::print(stderr, "ordeal-perf: {}\n", text); };
  }
  return plan;
}

Attempt<std::vector<Case>> chosen_cases(const SessionOptions& options, const Sampler& sampler) {
  const auto all = list_cases(sampler, "");
  if (!all) return all;
  std::vector<Case> chosen;
  for (const auto& one : *all) {
    const std::string name = one.suite + "/" + one.name;
    const auto& suites = options.suites;
    const bool by_suite = std::find(suites.begin(), suites.end(), one.suite) != suites.end();
    const bool by_name =
        std::find(options.cases.begin(), options.cases.end(), name) != options.cases.end();
    const bool all_wanted = suites.empty() && options.cases.empty();
    if (by_suite || by_name || all_wanted) chosen.push_back(one);
  }
  const auto known = [&](const std::string& name, bool whole) {
    return std::any_of(all->begin(), all->end(), [&](const Case& one) {
      return (whole ? one.suite : one.suite + "/" + one.name) == name;
    });
  };
  std::vector<std::string> names;
  for (const auto& one : *all) names.push_back(one.suite + "/" + one.name);
  const auto unknown = [&](const std::string& name) {
    return tl::unexpected(Error{ErrorKind::value, name,
                                fmt::format("is no case; there are {}", fmt::join(names, ", "))});
  };
  for (const auto& suite : options.suites) {
    if (!known(suite, true)) return unknown(suite);
  }
  for (const auto& name : options.cases) {
    if (!known(name, false)) return unknown(name);
  }
  return chosen;
}

Attempt<KeptSelf> keep_this_program(const SessionOptions& options) {
  const std::string self = pool::process::own_program();
  Store store{options.store};
  const auto hash = store.keep(self, options.checkout);
  if (!hash) return tl::unexpected(hash.error());
  const auto folder = store.find(*hash);
  if (!folder) return tl::unexpected(folder.error());
  return KeptSelf{sampler_of_bundle(*folder), *hash};
}

std::vector<std::string> words_of(const std::string& command) {
  std::istringstream text{command};
  return {std::istream_iterator<std::string>{text}, std::istream_iterator<std::string>{}};
}

std::vector<std::string> suites_of(const std::vector<Case>& cases) {
  std::vector<std::string> suites;
  for (const auto& one : cases) suites.push_back(one.suite);
  std::sort(suites.begin(), suites.end());
  suites.erase(std::unique(suites.begin(), suites.end()), suites.end());
  return suites;
}

}  // namespace ordeal::perf

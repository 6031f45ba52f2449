// hunt: random schedules in virtual time until one breaks the pool, and the least that does.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "chaos/experiment/simulated_keys.hpp"
#include "chaos/hunt/hunt.hpp"
#include "chaos/tools/hunt_commands.hpp"

namespace ordeal::chaos {
namespace {

struct HuntArguments {
  Hunt hunt;
  std::string seeds = "1..1000000";
  std::string out;
  std::string json_file;
  std::string mutant;
  std::string world = "simulated";  // or "processes"
  bool confirm = false;
};

int complain(std::string_view message) {
  fmt::print(stderr, "ordeal-chaos: {}\n", message);
  return exit_could_not_run;
}

// "7" or "A..B", both ends included.
bool read_seeds(const std::string& text, Hunt& hunt) {
  const auto dots = text.find("..");
  try {
    hunt.first_seed = std::stoull(text.substr(0, dots));
    hunt.last_seed = dots == text.npos ? hunt.first_seed : std::stoull(text.substr(dots + 2));
  } catch (const std::exception&) {
    return false;
  }
  return hunt.first_seed <= hunt.last_seed;
}

json to_json(const HuntResult& result) {
  json summary{{"schema", 1}, {"schedules", result.schedules}, {"seconds", result.seconds}};
  if (!result.found) return summary;
  const Found& found = *result.found;
  summary["found"] = {{"seed", found.seed},
                      {"error", found.error},
                      {"faults_drawn", found.faults},
                      {"faults", count_faults(found.plan)},
                      {"faults_on_processes", found.plan.faults.size()},
                      {"found_after_s", found.found_after_s},
                      {"shrunk_after_s", found.shrunk_after_s},
                      {"candidates", found.tried},
                      {"repeats", found.repeats},
                      {"repeats_wanted", repeats_wanted},
                      {"other_seeds", found.other_seeds},
                      {"other_seeds_tried", other_seeds_tried},
                      {"experiment", to_text(found.plan)}};
  if (found.confirmed) summary["found"]["confirmed"] = *found.confirmed;
  return summary;
}

void print_found(const HuntResult& result) {
  const Found& found = *result.found;
  fmt::print("broken: {}\n", found.error);
  fmt::print("found by schedule {} after {:.2f} s ({} schedules), with {} faults\n", found.seed,
             found.found_after_s, result.schedules, found.faults);
  fmt::print(
      "shrunk to {} faults in {:.2f} s ({} candidates); fails {} times of {}; with {} of {} "
      "other seeds, too\n\n",
      count_faults(found.plan), found.shrunk_after_s - found.found_after_s, found.tried,
      found.repeats, repeats_wanted, found.other_seeds, other_seeds_tried);
}

int run_hunt(const HuntArguments& arguments, const Registry& registry,
             const CommandOptions& options) {
  const RunOptions run{.state_folder = options.state_folder,
                       .relay_program = options.relay_program};
  const bool real = arguments.world == "processes";
  if (real || arguments.confirm) (void)undo_leftovers(options.state_folder, registry);
  HuntWorld world = real ? real_world(registry, run, options.bridge) : simulated_world(registry);
  if (arguments.confirm && !real) {
    world.what_breaks_there = real_world(registry, run, options.bridge).what_breaks;
  }
  const HuntResult result = hunt(arguments.hunt, world, registry);
  if (!arguments.json_file.empty()) {
    std::ofstream stream{arguments.json_file};
    stream << to_json(result).dump(1) << "\n";
    if (!stream.flush()) return complain(arguments.json_file + ": cannot be written");
  }
  if (!result.found) {
    fmt::print("{} schedules held, in {:.1f} s\n", result.schedules, result.seconds);
    return exit_pass;
  }
  print_found(result);
  const std::string text = to_text(result.found->plan);
  if (arguments.out.empty()) {
    fmt::print("{}", text);
    return exit_fail;
  }
  std::ofstream stream{arguments.out};
  stream << text;
  if (!stream.flush()) return complain(arguments.out + ": cannot be written");
  fmt::print("{}\nrepeat: ordeal-chaos run {}{}\n", arguments.out, real ? "" : "--world simulated ",
             arguments.out);
  return exit_fail;
}

// Another program: this one with the mutant in it, made and asked by the script.
int hunt_mutant(const HuntArguments& arguments) {
  const std::string seconds = fmt::format("{}", arguments.hunt.seconds);
  execlp("python3", "python3", ORDEAL_HUNT_MUTANTS, "--only", arguments.mutant.c_str(), "--seeds",
         arguments.seeds.c_str(), "--seconds", seconds.c_str(), static_cast<char*>(nullptr));
  return complain("python3: cannot execute");
}

}  // namespace

void add_hunt(CLI::App& app, const Registry& registry, CommandOptions& options, int& exit_code) {
  const auto arguments = std::make_shared<HuntArguments>();
  CLI::App* hunt = app.add_subcommand(
      "hunt", "random schedules in virtual time; what breaks the pool is made small");
  hunt->add_option("--seeds", arguments->seeds, "A..B, each a schedule")->capture_default_str();
  hunt->add_option("--seconds", arguments->hunt.seconds, "then it ends")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  hunt->add_option("--out", arguments->out, "the shrunk experiment; else it is printed");
  hunt->add_option("--json", arguments->json_file, "the figures");
  hunt->add_option("--world", arguments->world,
                   "the pool's core in virtual time, or real processes, some seconds a schedule")
      ->check(CLI::IsMember({"simulated", "processes"}))
      ->capture_default_str();
  hunt->add_flag("--confirm", arguments->confirm,
                 "what is found must fail on real processes, too, if its faults exist there");
  hunt->add_option("--state", options.state_folder,
                   "where undo records of runs on processes are kept")
      ->capture_default_str();
  hunt->add_option("--mutant", arguments->mutant,
                   "hunt the pool with that seeded bug (scripts/mutants --list), and the sound one "
                   "with what was found");
  hunt->callback([&registry, &options, &exit_code, arguments] {
    if (!read_seeds(arguments->seeds, arguments->hunt)) {
      exit_code = complain("--seeds " + arguments->seeds + ": A..B or A, A not above B");
    } else {
      exit_code = arguments->mutant.empty() ? run_hunt(*arguments, registry, options)
                                            : hunt_mutant(*arguments);
    }
  });
}

}  // namespace ordeal::chaos

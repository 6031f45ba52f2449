// list, explain, check, undo, report: the commands that run no experiment.
#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "chaos/experiment/plan.hpp"
#include "chaos/faults/causes.hpp"
#include "chaos/report/report.hpp"
#include "chaos/tools/commands.hpp"

namespace ordeal::chaos {
namespace {

Permit permit_of(const FaultKind& kind, const Site& site) {
  return kind.permit ? kind.permit(site) : Permit{};
}

// What an experiment gives its faults.
Site site_of(const Plan& plan) {
  Site site;
  if (plan.with_relay) site.relay_folder = "given";
  if (plan.store_in_file) site.store_file = "given";
  site.with_model = plan.with_model;
  return site;
}

// As if an experiment gave a fault all that it needs; what is left is the machine.
Permit permit_of_machine(const FaultKind& kind) {
  Site site;
  site.relay_folder = site.store_file = "given";
  site.with_model = true;
  return permit_of(kind, site);
}

int complain(std::string_view message) {
  fmt::print(stderr, "ordeal-chaos: {}\n", message);
  return exit_could_not_run;
}

std::string when_of(const FaultEntry& entry) {
  if (entry.times == 1) return fmt::format("at {} ms", entry.at.count());
  return fmt::format("at {} ms, then every {} ms, {} times", entry.at.count(), entry.every.count(),
                     entry.times);
}

}  // namespace

int list_faults(const Registry& registry, const CommandOptions& options) {
  std::size_t permitted_count = 0;
  for (const FaultKind& kind : registry.kinds()) {
    const Permit permit = permit_of_machine(kind);
    permitted_count += permit.granted ? 1 : 0;
    if (options.permitted_only) {
      if (permit.granted) fmt::print("{}\n", kind.name);
      continue;
    }
    fmt::print("{:<22} {:<9} {}{}\n", kind.name, to_string(kind.aim), kind.summary,
               permit.granted ? "" : "  [not here: " + permit.reason + "]");
  }
  if (!options.permitted_only) {
    fmt::print("{} faults, {} of them permitted on this machine\n", registry.kinds().size(),
               permitted_count);
  }
  return exit_pass;
}

int explain_fault(const Registry& registry, const CommandOptions& options) {
  const FaultKind* kind = registry.find(options.fault);
  if (kind == nullptr) {
    return complain(fmt::format("unknown fault {}, known: {}", options.fault, registry.names()));
  }
  const Permit permit = permit_of_machine(*kind);
  fmt::print("{}: {}\n\n", kind->name, kind->summary);
  fmt::print("  strikes     the {}\n", to_string(kind->aim));
  fmt::print("  proof       {}\n", kind->proof);
  fmt::print("  undo        {}\n", kind->undoes ? "after duration_ms, and seen to be undone"
                                                : "none: the pool replaces what it lost");
  fmt::print("  a sound pool  {}\n", kind->expected);
  fmt::print("  callers may see  {}\n", causes_of(*kind));
  fmt::print("  this machine  {}\n", permit.granted ? "permits it" : permit.reason);
  for (const OptionSpec& option : kind->options) {
    fmt::print("  {} = {}   {} ({})\n", option.name, option.text_of(option.standard),
               option.meaning, option.allowed());
  }
  return exit_pass;
}

int check_files(const Registry& registry, const CommandOptions& options) {
  int exit_code = exit_pass;
  for (const std::string& file : options.files) {
    std::ifstream stream{file};
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) {
      exit_code = complain(file + ": cannot read");
      continue;
    }
    auto plan = plan_from_toml(text.str(), file, registry, options.bridge);
    if (!plan) {
      exit_code = complain(plan.error().message);
      continue;
    }
    if (options.seed) {
      plan->seed = *options.seed;
      draw_schedule(*plan);
    }
    fmt::print("{}: {} (seed {}), {} callers on {} workers for {} ms\n", file, plan->title,
               plan->seed, plan->load.callers, plan->pool.size, plan->load.duration.count());
    for (const FaultEntry& entry : plan->faults) {
      const Permit permit = permit_of(*entry.kind, site_of(*plan));
      const bool by_rule = entry.kind->aim == Aim::worker || entry.kind->aim == Aim::starts;
      fmt::print(
          "  {}, {}, to {}, for {} ms{}\n", when_of(entry), entry.kind->describe(entry.values),
          by_rule ? to_string(entry.target) : std::string{to_string(entry.kind->aim)},
          entry.duration.count(), permit.granted ? "" : "  [not here: " + permit.reason + "]");
    }
  }
  return exit_code;
}

int undo_all_leftovers(const Registry& registry, const CommandOptions& options) {
  const auto leftovers = undo_leftovers(options.state_folder, registry);
  int exit_code = exit_pass;
  for (const Leftover& left : leftovers) {
    fmt::print("{}: {} {}\n", left.error.empty() ? "undone" : "NOT undone", left.kind,
               left.error.empty() ? left.record.dump() : left.error);
    if (!left.error.empty()) exit_code = exit_fail;
  }
  if (leftovers.empty()) fmt::print("nothing to undo in {}\n", options.state_folder);
  return exit_code;
}

int report_journal(const CommandOptions& options) {
  const auto written = write_report(options.files.front(), options.report);
  if (!written) return complain(written.error());
  fmt::print("{}\n", options.report);
  return exit_pass;
}

}  // namespace ordeal::chaos

// A plan as the text that plan_from_toml() reads.
#include <fmt/format.h>

#include <set>
#include <sstream>

#include "chaos/experiment/simulated_keys.hpp"
#include "chaos/hunt/hunt.hpp"

namespace ordeal::chaos {
namespace {

// Those lines of the pool's own text that differ from the defaults'.
std::string pool_text(const pool::Options& options) {
  pool::Options given = options;
  given.seed.reset();  // that of the plan
  std::set<std::string> standard;
  std::istringstream defaults{pool::to_toml(pool::Options{})};
  std::string table;
  for (std::string line; std::getline(defaults, line);) {
    if (line.starts_with('[')) table = line;
    standard.insert(table + line);
  }
  std::string text = "[pool]\n";
  table.clear();
  std::istringstream lines{pool::to_toml(given)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) {
      table = line;
      text += "[pool." + line.substr(1) + "\n";
    } else if (!line.empty() && !standard.contains(table + line)) {
      text += line + "\n";
    }
  }
  return text;
}

std::string load_text(const Plan& plan) {
  std::string text =
      fmt::format("callers = {}\nduration_ms = {}\ndeadline_ms = {}\n", plan.load.callers,
                  plan.load.duration.count(), plan.load.deadline.count());
  const LoadPlan& load = plan.load;
  const LoadPlan usual;
  if (load.deadline_min) {
    text += fmt::format("deadline_min_ms = {}\n", load.deadline_min->count());
  }
  if (load.sessions > 0) text += fmt::format("sessions = {}\n", load.sessions);
  using Policy = pool::AffinityPolicy;
  if (load.sessions > 0 && load.affinity != Policy::none) {
    text += load.affinity == Policy::prefer ? "affinity = \"prefer\"\n" : "affinity = \"strict\"\n";
  }
  if (load.idempotent) text += "idempotent = true\n";
  if (load.retries > 0) text += fmt::format("retries = {}\n", load.retries);
  if (load.mix.slow_percent != usual.mix.slow_percent) {
    text += fmt::format("slow_percent = {}\n", load.mix.slow_percent);
  }
  return text;
}

std::string simulated_text(const SimulatedLoad& load) {
  const SimulatedLoad standard;
  std::string text = fmt::format("requests_max = {}\n", load.requests_max);
  const auto add = [&text](std::string_view name, auto value, auto usual) {
    if (value != usual) text += fmt::format("{} = {}\n", name, value);
  };
  add("latency_max_us", load.latency_max_us, standard.latency_max_us);
  add("think_max_us", load.think_max_us, standard.think_max_us);
  add("start_max_ms", load.start_max_ms, standard.start_max_ms);
  add("stop_grace_max_ms", load.stop_grace_max_ms, standard.stop_grace_max_ms);
  add("idempotent_parts", load.idempotent_parts.value_or(0), 0U);
  add("retry_parts", load.retry_parts.value_or(0), 0U);
  add("circuits", load.circuits, standard.circuits);
  add("part_steps", load.part_steps, standard.part_steps);
  for (const SimulatedRate& rate : simulated_rates()) {
    add(rate.key, rate.get(load), rate.get(standard));
  }
  for (const SimulatedFlag& flag : simulated_flags()) {
    SimulatedLoad copy = load;
    add(flag.key, flag.of(copy), false);
  }
  return text;
}

std::string fault_text(const FaultEntry& entry) {
  std::string text = fmt::format("\n[[fault]]\nkind = \"{}\"\n", entry.kind->name);
  if (entry.kind->aim == Aim::worker || entry.kind->aim == Aim::starts) {
    text += fmt::format("target = \"{}\"\n", to_string(entry.target));
  }
  text += fmt::format("at_ms = {}\nduration_ms = {}\noverlap = {}\n", entry.at.count(),
                      entry.duration.count(), entry.overlap);
  const Values defaults = entry.kind->defaults();
  for (const auto& [name, value] : entry.values) {
    if (defaults.at(name) == value) continue;
    const OptionSpec& option = *entry.kind->option(name);
    const char* quote = option.names.empty() ? "" : "\"";
    text += fmt::format("{} = {}{}{}\n", name, quote, option.text_of(value), quote);
  }
  return text;
}

}  // namespace

std::string to_text(const Plan& plan) {
  std::string text = fmt::format("title = \"{}\"\nseed = {}\n\n", plan.title, plan.seed);
  text += pool_text(plan.pool);
  text += "\n[load]\n" + load_text(plan);
  text += "\n[simulation]\n" + simulated_text(plan.simulated);
  text += fmt::format("\n[end]\nquiet_ms = {}\n", plan.quiet.count());
  const Plan usual;
  if (plan.early) text += "early = true\n";
  if (plan.recovery_max != usual.recovery_max) {
    text += fmt::format("recovery_max_ms = {}\n", plan.recovery_max.count());
  }
  text += fmt::format("\n[bars]\ncalls_min = {}\nstrikes_min = 0\nok_percent_min = {}\n",
                      plan.bars.calls_min, plan.bars.ok_percent_min);
  if (plan.bars.promises) text += "promises = true\n";
  for (const FaultEntry& entry : plan.faults) text += fault_text(entry);
  return text;
}

}  // namespace ordeal::chaos

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "chaos/experiment/event_names.hpp"
#include "chaos/experiment/plan.hpp"
#include "chaos/experiment/plan_pool.hpp"
#include "chaos/experiment/simulated_keys.hpp"
#include "testing/toml/toml_reader.hpp"

namespace ordeal::chaos {
namespace {

using trial::TomlReader;

tl::unexpected<pool::Error> refused(std::string message) {
  return tl::unexpected(pool::make_error(pool::ErrorCode::invalid_option, std::move(message)));
}

void read_rate(TomlReader& reader, LoadPlan& load) {
  for (TomlReader& step_reader : reader.tables("rate")) {
    RateStep step;
    step_reader.duration("at_ms", step.at);
    step_reader.require("per_s");
    step_reader.number("per_s", step.per_second, 0, 1'000'000);
    step_reader.flag("ramp", step.ramp);
    if (!load.rate.empty() && step.at <= load.rate.back().at) {
      step_reader.refuse("load.rate.at_ms: must be later than the step before");
    }
    step_reader.finish();
    load.rate.push_back(step);
  }
  reader.text("spacing", [&load](const std::string& name) -> std::string {
    using Kind = trial::Spacing::Kind;
    if (name != "even" && name != "poisson") {
      return fmt::format("unknown spacing {}, allowed: even, poisson", name);
    }
    load.spacing.kind = name == "even" ? Kind::even : Kind::poisson;
    return {};
  });
  reader.number("clump", load.spacing.clump, 1, 100'000);
}

void read_load(TomlReader reader, LoadPlan& load) {
  trial::CallMix& mix = load.mix;
  reader.number("callers", load.callers, 1, 1024);
  reader.duration("duration_ms", load.duration, 1);
  reader.duration("deadline_ms", load.deadline, 1);
  milliseconds deadline_min{0};
  reader.duration("deadline_min_ms", deadline_min, 1);
  if (deadline_min.count() > 0) load.deadline_min = deadline_min;
  if (deadline_min > load.deadline) {
    reader.refuse("load.deadline_min_ms exceeds load.deadline_ms");
  }
  reader.flag("idempotent", load.idempotent);
  reader.number("retries", load.retries, 0, 100);
  reader.number("sessions", load.sessions, 0, 100'000);
  reader.number("slow_percent", mix.slow_percent, 0, 100);
  reader.duration("slow_pause_min_ms", mix.slow_pause_min);
  reader.duration("slow_pause_max_ms", mix.slow_pause_max);
  reader.number("rest_percent", mix.rest_percent, 0, 100);
  reader.duration("rest_min_ms", mix.rest_min);
  reader.duration("rest_max_ms", mix.rest_max);
  reader.text("command", [&load](const std::string& command) {
    load.command = command;
    return std::string{command.empty() ? "a worker's command is wanted, such as echo" : ""};
  });
  reader.text("affinity", [&load](const std::string& name) -> std::string {
    using Policy = pool::AffinityPolicy;
    for (const auto& [known, policy] : {std::pair{"none", Policy::none},
                                        {"prefer", Policy::prefer},
                                        {"strict", Policy::strict}}) {
      if (name != known) continue;
      load.affinity = policy;
      return {};
    }
    return fmt::format("unknown policy {}, allowed: none, prefer, strict", name);
  });
  if (load.affinity != pool::AffinityPolicy::none && load.sessions == 0) {
    reader.refuse("load.affinity: only calls of sessions have a worker: set load.sessions");
  }
  read_rate(reader, load);
  if (mix.slow_pause_min > mix.slow_pause_max) {
    reader.refuse("load.slow_pause_min_ms exceeds load.slow_pause_max_ms");
  }
  if (mix.rest_min > mix.rest_max) reader.refuse("load.rest_min_ms exceeds load.rest_max_ms");
  if (load.retries > 0 && !load.idempotent) {
    reader.refuse("load.retries: only idempotent calls are tried again: set load.idempotent");
  }
  reader.finish();
}

std::string take_target(const std::string& text, Target& target) {
  const auto parsed = parse_target(text);
  if (!parsed) return fmt::format("unknown target {}, allowed: {}", text, target_syntax);
  target = *parsed;
  return {};
}

std::string unknown_kind(const std::string& name, const Registry& registry) {
  return fmt::format("unknown fault {}, known: {}", name, registry.names());
}

// The kind that does the same to another process than a worker; null: there is none.
const FaultKind* kind_for(const FaultKind& kind, const std::string& target,
                          const Registry& registry) {
  constexpr std::string_view of_workers = "_worker";
  if (!kind.name.ends_with(of_workers)) return nullptr;
  std::string name{kind.name.substr(0, kind.name.size() - of_workers.size())};
  return registry.find(name + "_" + target);
}

void read_option(TomlReader& reader, const OptionSpec& option, std::int64_t& value) {
  if (option.names.empty()) {
    reader.integer(option.name, value, option.min, option.max);
    return;
  }
  reader.text(option.name, [&](const std::string& name) -> std::string {
    for (const NamedValue& named : option.names) {
      if (named.name != name) continue;
      value = named.value;
      return {};
    }
    return fmt::format("unknown {} {}, allowed: {}", option.name, name, option.allowed());
  });
}

void read_fault(TomlReader& reader, Plan& plan, const Registry& registry) {
  FaultEntry entry;
  reader.require("kind");
  reader.text("kind", [&](const std::string& name) {
    entry.kind = registry.find(name);
    return entry.kind != nullptr ? std::string{} : unknown_kind(name, registry);
  });
  if (entry.kind == nullptr) return;
  reader.text("target", [&](const std::string& text) {
    // kill_worker with the target "template" is kill_template.
    if (const FaultKind* other = kind_for(*entry.kind, text, registry)) entry.kind = other;
    const bool struck_by_rule = entry.kind->aim == Aim::worker || entry.kind->aim == Aim::starts;
    if (!struck_by_rule && text != to_string(entry.kind->aim)) {
      return fmt::format("{} strikes the {}; leave target out", entry.kind->name,
                         to_string(entry.kind->aim));
    }
    return struck_by_rule ? take_target(text, entry.target) : std::string{};
  });
  reader.duration("at_ms", entry.at);
  reader.duration("every_ms", entry.every, 1);
  reader.number("times", entry.times, 1, 1'000'000);
  reader.duration("duration_ms", entry.duration);
  reader.duration("stagger_ms", entry.stagger);
  reader.duration("proof_max_ms", entry.proof_max, 1);
  reader.flag("overlap", entry.overlap);
  entry.values = entry.kind->defaults();
  for (const OptionSpec& option : entry.kind->options) {
    read_option(reader, option, entry.values[std::string{option.name}]);
  }
  if (entry.every.count() == 0 && entry.times > 1) reader.refuse("fault.times needs every_ms");
  reader.finish();
  plan.faults.push_back(std::move(entry));
}

void read_random(TomlReader reader, Plan& plan, const Registry& registry) {
  if (!reader.there()) return;
  DrawnFaults& drawn = plan.drawn.emplace();
  reader.require("kinds");
  reader.texts("kinds", [&](const std::string& name) {
    drawn.kinds.push_back(registry.find(name));
    return drawn.kinds.back() != nullptr ? std::string{} : unknown_kind(name, registry);
  });
  reader.require("budget");
  reader.number("budget", drawn.budget, 1, 10'000);
  reader.duration("from_ms", drawn.from);
  reader.duration("distance_min_ms", drawn.distance_min);
  reader.duration("duration_min_ms", drawn.duration_min);
  reader.duration("duration_max_ms", drawn.duration_max);
  if (drawn.duration_min > drawn.duration_max) {
    reader.refuse("random.duration_min_ms exceeds random.duration_max_ms");
  }
  reader.finish();
}

void read_steady(TomlReader& reader, Plan& plan) {
  Hypothesis hypothesis;
  reader.require("probe");
  reader.text("probe", [&](const std::string& name) {
    hypothesis.probe = name;
    const std::string known = fmt::format(", {},", probe_names);
    return known.find(", " + name + ",") != known.npos
               ? std::string{}
               : fmt::format("unknown probe {}, allowed: {}", name, probe_names);
  });
  reader.real("min", hypothesis.min);
  reader.real("max", hypothesis.max);
  reader.real("during_min", hypothesis.during_min);
  reader.real("during_max", hypothesis.during_max);
  if (!hypothesis.min && !hypothesis.max && !hypothesis.during_min && !hypothesis.during_max) {
    reader.refuse("steady: a tolerance is wanted: min, max, during_min or during_max");
  }
  if (hypothesis.min && hypothesis.max && *hypothesis.min > *hypothesis.max) {
    reader.refuse("steady.min exceeds steady.max");
  }
  if (hypothesis.during_min && hypothesis.during_max &&
      *hypothesis.during_min > *hypothesis.during_max) {
    reader.refuse("steady.during_min exceeds steady.during_max");
  }
  reader.finish();
  plan.steady.push_back(std::move(hypothesis));
}

void read_parts(TomlReader& reader, std::string_view key, std::optional<std::uint32_t>& out) {
  std::uint32_t value = 0;
  if (reader.number(key, value, 0, 1000)) out = value;
}

void read_simulation(TomlReader reader, SimulatedLoad& load) {
  reader.number("requests_max", load.requests_max, 1, 1'000'000'000);
  reader.number("latency_max_us", load.latency_max_us, 1, 60'000'000);
  reader.number("think_max_us", load.think_max_us, 1, 60'000'000);
  reader.number("start_max_ms", load.start_max_ms, 1, 600'000);
  reader.number("stop_grace_max_ms", load.stop_grace_max_ms, 1, 600'000);
  read_parts(reader, "idempotent_parts", load.idempotent_parts);
  read_parts(reader, "retry_parts", load.retry_parts);
  for (const SimulatedRate& rate : simulated_rates())
    reader.number(rate.key, rate.of(load), 0, 1000);
  for (const SimulatedFlag& flag : simulated_flags()) reader.flag(flag.key, flag.of(load));
  reader.number("circuits", load.circuits, 0, 100);
  reader.number("part_steps", load.part_steps, 0, 1'000'000);
  reader.finish();
}

void read_end(TomlReader reader, Plan& plan) {
  reader.duration("settle_ms", plan.settle);
  reader.duration("quiet_ms", plan.quiet);
  reader.duration("recovery_max_ms", plan.recovery_max, 1);
  reader.duration("undo_max_ms", plan.undo_max, 1);
  reader.flag("early", plan.early);
  if (plan.quiet >= plan.load.duration) {
    reader.refuse("end.quiet_ms must be less than load.duration_ms");
  }
  reader.finish();
}

void read_bars(TomlReader reader, RunBars& bars) {
  constexpr std::int64_t many = std::numeric_limits<std::int32_t>::max();
  reader.number("calls_min", bars.calls_min, 1, many);
  reader.number("strikes_min", bars.strikes_min, 0, many);
  reader.number("ok_percent_min", bars.ok_percent_min, 0, 100);
  reader.number("fds_grown_max", bars.fds_grown_max, 0, many);
  reader.number("rss_grown_mib_max", bars.rss_grown_mib_max, 0, many);
  reader.number("spawns_max", bars.spawns_max, 0, many);
  reader.duration("notice_max_ms", bars.notice_max, 1);
  reader.duration("first_ok_max_ms", bars.first_ok_max);
  reader.number("affinity_percent_min", bars.affinity_percent_min, 0, 100);
  reader.number("begun_percent_min", bars.begun_percent_min, 0, 100);
  reader.number("progress_min", bars.progress_min, 1, many);
  reader.flag("promises", bars.promises);
  TomlReader events = reader.table("events_min");
  for (const auto& [name, count] : events.all_integers()) {
    if (!is_event_name(name)) {
      events.refuse(fmt::format("unknown event {}, known: {}", name, event_names()));
    }
    bars.events_min[name] = static_cast<std::uint64_t>(count);
  }
  reader.finish();
}

void read_alerts(TomlReader reader, Plan& plan) {
  if (!reader.there()) return;
  pool::AlertRules& rules = plan.alerts.emplace();
  reader.number("warn_permille", rules.warn_permille, 1, 1000);
  reader.number("critical_permille", rules.critical_permille, 1, 1000);
  reader.number("requests_min", rules.requests_min, 1, 1'000'000);
  reader.duration("window_ms", rules.window, 1);
  reader.number("circuits_open_max", rules.circuits_open_max, 1, 1'000'000);
  reader.duration("cooldown_ms", rules.cooldown);
  if (const auto valid = rules.validate(); !valid) reader.refuse(valid.error().message);
  reader.finish();
}

// A fault that comes when the load is over would never be injected.
void check_times(TomlReader& root, const Plan& plan) {
  const milliseconds last = plan.load.duration - plan.quiet;
  std::size_t number = 0;
  for (TomlReader& fault : root.tables("fault")) {
    if (number >= plan.faults.size()) return;
    const FaultEntry& entry = plan.faults[number++];
    const milliseconds at = entry.at + (entry.times - 1) * entry.every;
    if (at < last) continue;
    fault.refuse(fmt::format(
        "fault.at_ms: {} ms is too late: the load lasts {} ms, of which the last {} are quiet",
        at.count(), plan.load.duration.count(), plan.quiet.count()));
  }
}

}  // namespace

pool::Result<Plan> plan_from_toml(std::string_view text, std::string_view file_name,
                                  const Registry& registry, std::string_view mock_bridge) {
  toml::table root;
  try {
    root = toml::parse(text, file_name);
  } catch (const toml::parse_error& error) {
    return refused(
        fmt::format("{}:{}: {}", file_name, error.source().begin.line, error.description()));
  }
  Plan plan;
  plan.text = text;
  std::string error;
  TomlReader reader{&root, "", file_name, error};
  reader.require("title");
  reader.text("title", [&plan](const std::string& title) {
    plan.title = title;
    return std::string{};
  });
  reader.number("seed", plan.seed, 0, std::numeric_limits<std::int64_t>::max());
  (void)reader.table("pool");
  read_load(reader.table("load"), plan.load);
  for (TomlReader& fault : reader.tables("fault")) read_fault(fault, plan, registry);
  read_random(reader.table("random"), plan, registry);
  for (TomlReader& steady : reader.tables("steady")) read_steady(steady, plan);
  read_end(reader.table("end"), plan);
  read_bars(reader.table("bars"), plan.bars);
  read_alerts(reader.table("alerts"), plan);
  read_simulation(reader.table("simulation"), plan.simulated);
  const bool simulation_alone = reader.table("simulation").there();
  check_times(reader, plan);
  reader.finish();
  // Some failures that a hunt found need none.
  if (error.empty() && plan.faults.empty() && !plan.drawn && !simulation_alone) {
    error = fmt::format("{}: no fault: [[fault]] or [random] is missing", file_name);
  }
  if (!error.empty()) return refused(std::move(error));
  auto options = read_pool_table(root, file_name);
  if (!options) return tl::unexpected(std::move(options.error()));
  plan.pool = std::move(*options);
  note_surroundings(plan, mock_bridge);
  plan.written = plan.faults.size();
  draw_schedule(plan);
  return plan;
}

}  // namespace ordeal::chaos

// Starts that go wrong: a worker is killed, and those that are to replace it fail, hang, are slow,
// babble, or find no program. Proof: the relay's count of such starts, or the pool's.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "chaos/faults/kinds/relayed.hpp"
#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

std::shared_ptr<StartControl> starts_of(const json& record) {
  return map_starts(record.value("relay_folder", ""), false);
}

Attempt<void> plan_starts(Strike& strike, Site& site) {
  strike.record = {{"relay_folder", site.relay_folder}};
  const auto starts = map_starts(site.relay_folder, true);
  if (!starts) return tl::unexpected("cannot make " + site.relay_folder + "/start");
  strike.memo["touched_before"] = starts->touched.load();
  return {};
}

Attempt<void> kill_target(Strike& strike) {
  const std::string failed = strike.process.send(SIGKILL);
  if (!failed.empty()) return tl::unexpected(failed);
  return {};
}

auto break_starts(StartMode mode, std::string option) {
  return [mode, option](Strike& strike, Site& site) -> Attempt<void> {
    const auto starts = map_starts(site.relay_folder, true);
    if (!starts) return tl::unexpected("cannot make " + site.relay_folder + "/start");
    starts->a.store(option.empty() ? 0 : strike.value(option));
    starts->left.store(static_cast<std::int32_t>(strike.value("starts")));
    starts->mode.store(static_cast<std::uint32_t>(mode));
    return kill_target(strike);
  };
}

std::optional<std::string> prove_started_badly(Strike& strike, Site&) {
  const auto starts = starts_of(strike.record);
  if (!starts || !strike.process.is_dead()) return {};
  const std::uint32_t touched =
      starts->touched.load() - strike.memo["touched_before"].get<std::uint32_t>();
  if (touched == 0) return {};
  return fmt::format("{} starts went wrong as told", touched);
}

Attempt<std::string> restore_starts(const json& record, std::shared_ptr<void>&) {
  const auto starts = starts_of(record);
  if (!starts) return "the relays' folder is gone";
  starts->mode.store(0);
  return "starts are no longer touched";
}

bool starts_restored(const json& record) {
  const auto starts = starts_of(record);
  return !starts || starts->mode.load() == 0;
}

FaultKind start_kind(std::string_view name, StartMode mode, std::string_view summary,
                     std::string_view expected, std::vector<OptionSpec> options) {
  FaultKind kind{.name = name,
                 .summary = summary,
                 .proof = "the relay has counted such a start",
                 .expected = expected,
                 .aim = Aim::starts,
                 .kills = true,
                 .in_simulation = true,
                 .options = std::move(options)};
  const std::string option = kind.options.empty() ? "" : std::string{kind.options[0].name};
  kind.options.push_back({"starts", 1, 1'000'000, 1, "so many of the next starts"});
  kind.permit = permit_relay;
  kind.plan = plan_starts;
  kind.inject = break_starts(mode, option);
  kind.prove = prove_started_badly;
  kind.undo = restore_starts;
  kind.undone = starts_restored;
  return kind;
}

// The symbolic link FOLDER/relay, which the pool starts, gets another name.
FaultKind hide_program_kind() {
  FaultKind kind{
      .name = "hide_program",
      .summary = "the worker's program is gone when a worker is to be started",
      .proof = "the program's name leads nowhere, and the pool has counted failed starts",
      .expected = "running workers serve on; starts back off and say why; it heals",
      .aim = Aim::starts,
      .kills = true};
  kind.permit = permit_relay;
  kind.plan = [](Strike& strike, Site& site) -> Attempt<void> {
    const std::string program = site.folder + "/relay-program";
    strike.record = {{"program", program}, {"hidden", program + ".hidden"}};
    strike.memo["start_failures"] = site.status().start_failures;
    return {};
  };
  kind.inject = [](Strike& strike, Site&) -> Attempt<void> {
    const std::string program = strike.record["program"];
    const std::string hidden = strike.record["hidden"];
    if (std::rename(program.c_str(), hidden.c_str()) != 0) {
      return tl::unexpected(fmt::format("rename {}: {}", program, std::strerror(errno)));
    }
    return kill_target(strike);
  };
  kind.prove = [](Strike& strike, Site& site) -> std::optional<std::string> {
    const std::string program = strike.record["program"];
    const std::uint64_t failures =
        site.status().start_failures - strike.memo["start_failures"].get<std::uint64_t>();
    if (access(program.c_str(), F_OK) == 0 || failures == 0) return {};
    return fmt::format("{}: no such file; {} starts have failed", program, failures);
  };
  kind.undo = [](const json& record, std::shared_ptr<void>&) -> Attempt<std::string> {
    const std::string program = record["program"];
    const std::string hidden = record["hidden"];
    if (std::rename(hidden.c_str(), program.c_str()) == 0) return program + " is back";
    if (errno == ENOENT) return hidden + " is not there";
    return tl::unexpected(fmt::format("rename {}: {}", hidden, std::strerror(errno)));
  };
  kind.undone = [](const json& record) {
    return access(record["hidden"].get<std::string>().c_str(), F_OK) != 0;
  };
  return kind;
}

}  // namespace

void add_starts(std::vector<FaultKind>& kinds) {
  kinds.push_back(start_kind("fail_start", StartMode::fail, "the next starts exit before ready",
                             "starts back off, growing; it heals by itself",
                             {{"exit_code", 0, 255, 1, "their exit status"}}));
  kinds.push_back(start_kind("hang_start", StartMode::hang, "the next starts never get ready",
                             "each is killed at start_timeout before another begins", {}));
  kinds.push_back(start_kind("slow_start", StartMode::slow, "the next starts take their time",
                             "the others serve on meanwhile",
                             {{"delay_ms", 1, 600'000, 200, "so long"}}));
  kinds.push_back(start_kind("garble_start", StartMode::garbage,
                             "the next starts answer the handshake with noise",
                             "the process is killed; starts back off; it heals", {}));
  kinds.push_back(hide_program_kind());
}

}  // namespace ordeal::chaos

// Workers that misbehave by themselves: the relay asks the zoo of ordeal_worker for it, with a
// request of its own before the caller's. Needs {relay} and a worker started with --faults.
#include <fmt/format.h>

#include "chaos/faults/kinds/relayed.hpp"
#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

struct Row {
  std::string_view name;
  std::string_view summary;
  std::string_view proof;
  std::string_view expected;
  bool kills;
  std::vector<OptionSpec> options;
  std::string_view command;
  std::string (*arguments)(const Strike&);
  std::optional<std::string> (*prove)(Strike&, Site&);
};

std::optional<int> child_of(const Strike& strike) {
  const auto control = relay_of(strike);
  if (!control) return {};
  const bool asked =
      control->frames_touched.load() > strike.memo["touched_before"].get<std::uint64_t>();
  if (!asked) return {};
  return control->child_pid.load();
}

std::optional<std::string> prove_ended(Strike& strike, Site&) {
  if (!child_of(strike) || !strike.process.is_dead()) return {};
  return std::string{"it was asked to end, and its pidfd is readable"};
}

// It has the request, and lives, and says nothing: the same count of replies at two looks.
std::optional<std::string> prove_silent(Strike& strike, Site&) {
  const auto child = child_of(strike);
  const auto control = relay_of(strike);
  if (!child || !read_proc_stat(*child)) return {};
  const std::uint64_t replies = control->replies_seen.load();
  const bool same = strike.memo.value("replies", replies + 1) == replies;
  strike.memo["replies"] = replies;
  if (!same) return {};
  return fmt::format("pid {} has its request and is silent after {} replies", *child, replies);
}

std::optional<std::string> prove_computing(Strike& strike, Site&) {
  const auto child = child_of(strike);
  const auto stat = child ? read_proc_stat(*child) : std::nullopt;
  if (!stat) return {};
  const std::uint64_t before = strike.memo.value("cpu_ticks", stat->cpu_ticks);
  strike.memo["cpu_ticks"] = before;
  constexpr std::uint64_t convincing_ticks = 3;
  if (stat->cpu_ticks < before + convincing_ticks) return {};
  return fmt::format("pid {} has used {} ticks of CPU since", *child, stat->cpu_ticks - before);
}

std::optional<std::string> prove_grown(Strike& strike, Site&) {
  const auto child = child_of(strike);
  const auto stat = child ? read_proc_stat(*child) : std::nullopt;
  if (!stat) return {};
  const std::int64_t wanted_kib = strike.value("mib") * 1024;
  if (stat->rss_kib < wanted_kib) return {};
  return fmt::format("pid {} has {} KiB resident", *child, stat->rss_kib);
}

std::optional<std::string> prove_ignoring(Strike& strike, Site&) {
  const auto child = child_of(strike);
  if (!child) return {};
  const std::string status = read_small_file(fmt::format("/proc/{}/status", *child));
  const std::size_t at = status.find("SigIgn:");
  if (at == status.npos) return {};
  const std::uint64_t mask = std::stoull(status.substr(at + 7, 18), nullptr, 16);
  constexpr std::uint64_t term_bit = 1ULL << 14;
  if ((mask & term_bit) == 0) return {};
  return fmt::format("SigIgn {:#x} of pid {} holds SIGTERM", mask, *child);
}

std::optional<std::string> prove_mute(Strike& strike, Site&) {
  const auto child = child_of(strike);
  if (!child || !read_proc_stat(*child))
    return strike.process.is_dead() && child
               ? std::optional<std::string>{"it was asked, and the pool has ended it"}
               : std::nullopt;
  return {};
}

std::string no_arguments(const Strike&) { return "{}"; }

const Row rows[] = {
    {"exit_worker",
     "a worker that calls exit with a request in hand",
     "its pidfd is readable",
     "exit status 0, too, is a failure: the caller is told, the worker replaced",
     true,
     {{"exit_code", 0, 255, 3, "its exit status"}},
     "crash",
     [](const Strike& s) { return fmt::format(R"({{"exit_code":{}}})", s.value("exit_code")); },
     prove_ended},
    {"hang_worker",
     "a worker that never answers",
     "it has the request, lives, and is silent",
     "the call ends by its deadline; the worker is replaced",
     false,
     {},
     "hang",
     no_arguments,
     prove_silent},
    {"busy_worker",
     "a worker that computes and does not answer in time",
     "its CPU time grows",
     "the call ends by its deadline; its CPU is freed",
     false,
     {{"busy_ms", 1, 600'000, 60'000, "so long"}},
     "busy",
     [](const Strike& s) { return fmt::format(R"({{"ms":{}}})", s.value("busy_ms")); },
     prove_computing},
    {"grow_worker",
     "a worker that takes memory and keeps it",
     "its resident size, in /proc",
     "served as before; what watches memory sees it",
     false,
     {{"mib", 1, 4096, 64, "taken at once"}},
     "grow_memory",
     [](const Strike& s) { return fmt::format(R"({{"mb":{}}})", s.value("mib")); },
     prove_grown},
    {"ignore_term",
     "a worker that ignores SIGTERM and shutdown",
     "SigIgn in /proc holds SIGTERM",
     "it serves; when it has to go, SIGKILL comes after the grace",
     false,
     {},
     "refuse_to_die",
     no_arguments,
     prove_ignoring},
    {"mute_worker",
     "a worker that closes its stream of replies and lives on",
     "the pool has seen the end of the stream, and has ended it",
     "the caller is told at once, not at the deadline; the worker is killed",
     true,
     {},
     "close_stdout",
     no_arguments,
     prove_mute},
};

FaultKind behaviour_kind(const Row& row) {
  FaultKind kind{.name = row.name,
                 .summary = row.summary,
                 .proof = row.proof,
                 .expected = row.expected,
                 .kills = row.kills,
                 .in_simulation = row.command == "crash" || row.command == "hang",
                 .options = row.options};
  kind.permit = permit_relay;
  kind.plan = plan_relay;
  kind.inject = [command = row.command, arguments = row.arguments](Strike& strike, Site&) {
    return ask_worker(strike, std::string{command}, arguments(strike));
  };
  kind.prove = row.prove;
  kind.undo = undo_relay;
  kind.undone = relay_undone;
  return kind;
}

}  // namespace

void add_behaviours(std::vector<FaultKind>& kinds) {
  for (const Row& row : rows) kinds.push_back(behaviour_kind(row));
}

}  // namespace ordeal::chaos

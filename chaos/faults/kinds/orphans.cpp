// A worker that dies and leaves a child of its own behind, outside its process group, which holds
// the pipe of replies open: the end of the stream does not come with the death.
#include <fmt/format.h>

#include <csignal>
#include <filesystem>

#include "chaos/faults/kinds/relayed.hpp"
#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

// The orphan of a relay that is gone; 0: there is none, or it has ended. It is known by its
// program: its pid may have been given to somebody else.
int orphan_of(const json& record) {
  const auto control = relay_of(record);
  const int pid = control ? control->orphan_pid.load() : 0;
  if (pid == 0) return 0;
  const auto stat = read_proc_stat(pid);
  std::error_code failed;
  const auto program = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), failed);
  const bool ours = !failed && program.filename().string().starts_with("ordeal-relay");
  return stat && stat->state != 'Z' && ours ? pid : 0;
}

std::optional<std::string> prove_orphan(Strike& strike, Site&) {
  const int orphan = orphan_of(strike.record);
  if (orphan == 0 || !strike.process.is_dead()) return {};
  std::error_code failed;
  const std::string held =
      std::filesystem::read_symlink(fmt::format("/proc/{}/fd/1", orphan), failed);
  if (failed || !held.starts_with("pipe:")) return {};
  return fmt::format("its pidfd is readable; {} is held by pid {}", held, orphan);
}

}  // namespace

void add_orphans(std::vector<FaultKind>& kinds) {
  FaultKind kind{.name = "orphan_holds_pipe",
                 .summary = "a worker dies and leaves a child that holds its pipe of replies",
                 .proof = "its pidfd is readable, and /proc says that the child holds a pipe",
                 .expected = "nobody waits for the end of the stream; the worker is replaced",
                 .kills = true};
  kind.permit = permit_relay;
  kind.plan = plan_relay;
  kind.inject = [](Strike& strike, Site&) -> Attempt<void> {
    const auto control = relay_of(strike);
    if (!control) return tl::unexpected(std::string{"the relay of that worker is gone"});
    control->frames_left.store(1);
    control->mode.store(static_cast<std::uint32_t>(WireMode::orphan));
    return {};
  };
  kind.prove = prove_orphan;
  kind.undo = [](const json& record, std::shared_ptr<void>& none) -> Attempt<std::string> {
    const int orphan = orphan_of(record);
    if (orphan == 0) return undo_relay(record, none);
    if (kill(orphan, SIGKILL) != 0) return tl::unexpected(std::string{"the child stays"});
    return fmt::format("SIGKILL to pid {}", orphan);
  };
  kind.undone = [](const json& record) { return orphan_of(record) == 0 && relay_undone(record); };
  kinds.push_back(std::move(kind));
}

}  // namespace ordeal::chaos

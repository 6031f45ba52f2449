#include "chaos/faults/kinds/relayed.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

namespace ordeal::chaos {
namespace {

// Bytes that wait in the relay's pipe of requests.
int unread_bytes(int pid) {
  const pool::process::FileDescriptor pipe{
      open(fmt::format("/proc/{}/fd/0", pid).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  int bytes = 0;
  if (!pipe || ioctl(pipe.get(), FIONREAD, &bytes) != 0) return 0;
  return bytes;
}

}  // namespace

Permit permit_relay(const Site& site) {
  return site.relay_folder.empty()
             ? refused_because("the pool's command does not begin with {relay}")
             : Permit{};
}

Attempt<void> plan_relay(Strike& strike, Site& site) {
  strike.record = strike.process.to_json();
  strike.record["relay_folder"] = site.relay_folder;
  const auto control = relay_of(strike);
  if (!control) return tl::unexpected(std::string{"no relay stands before that worker"});
  strike.memo["touched_before"] = control->frames_touched.load();
  strike.memo["bytes_before"] = control->bytes_touched.load();
  return {};
}

std::shared_ptr<RelayControl> relay_of(const json& record) {
  if (!record.contains("relay_folder")) return nullptr;
  return map_relay(record["relay_folder"], record["pid"].get<int>(), false);
}

std::shared_ptr<RelayControl> relay_of(const Strike& strike) { return relay_of(strike.record); }

Attempt<void> ask_worker(const Strike& strike, const std::string& command,
                         const std::string& arguments) {
  const auto control = relay_of(strike);
  if (!control) return tl::unexpected(std::string{"the relay of that worker is gone"});
  std::strncpy(control->command, command.c_str(), sizeof control->command - 1);
  std::strncpy(control->arguments, arguments.c_str(), sizeof control->arguments - 1);
  control->frames_left.store(1);
  control->mode.store(static_cast<std::uint32_t>(WireMode::insert));
  return {};
}

std::optional<std::string> prove_touched(Strike& strike, Site&) {
  const auto control = relay_of(strike);
  if (!control) return {};
  const std::uint64_t frames =
      control->frames_touched.load() - strike.memo["touched_before"].get<std::uint64_t>();
  if (frames == 0) return {};
  const std::uint64_t bytes =
      control->bytes_touched.load() - strike.memo["bytes_before"].get<std::uint64_t>();
  return fmt::format("the relay touched {} frames, {} bytes", frames, bytes);
}

std::optional<std::string> prove_unread(Strike& strike, Site&) {
  const auto control = relay_of(strike);
  if (!control || control->mode.load() != static_cast<std::uint32_t>(WireMode::deaf)) return {};
  const int bytes = unread_bytes(strike.process.pid());
  if (bytes == 0) return {};
  return fmt::format("{} bytes of requests stay in the pipe", bytes);
}

Attempt<std::string> undo_relay(const json& record, std::shared_ptr<void>&) {
  const auto control = relay_of(record);
  if (!control) return "the relay is gone";
  control->mode.store(0);
  return "the relay passes everything on";
}

bool relay_undone(const json& record) {
  const auto control = relay_of(record);
  return !control || control->mode.load() == 0 || !HeldProcess::find(record);
}

}  // namespace ordeal::chaos

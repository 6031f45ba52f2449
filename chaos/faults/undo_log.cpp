#include "chaos/faults/undo_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {
namespace {

namespace fs = std::filesystem;

void sync_folder(const std::string& folder) {
  const pool::process::FileDescriptor opened{
      ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (opened) fsync(opened.get());
}

struct Record {
  std::string kind;
  json record;
};

// The records of one file that are not done with; empty if its run is still there.
std::map<std::uint64_t, Record> open_records_of(const std::string& path, bool& running) {
  std::map<std::uint64_t, Record> open;
  running = false;
  std::istringstream lines{read_small_file(path)};
  for (std::string text; std::getline(lines, text);) {
    const json line = json::parse(text, nullptr, false);
    if (line.is_discarded()) continue;  // cut off by the kill: then it was not injected either
    if (line.contains("host")) {
      running = HeldProcess::find(line["host"]).has_value();
    } else if (line.contains("done")) {
      open.erase(line["done"].get<std::uint64_t>());
    } else if (line.contains("id")) {
      open[line["id"].get<std::uint64_t>()] = {line["kind"], line["record"]};
    }
  }
  return open;
}

// A thawed process takes a moment to die, and its group to be empty. Empty: undone.
std::string undo_and_see(const FaultKind& kind, const json& record) {
  const auto until = pool::core::after(pool::runtime::now(), std::chrono::seconds{5});
  std::shared_ptr<void> none;
  while (true) {
    const auto undone = kind.undo(record, none);
    if (undone && !undone->empty() && kind.undone(record)) return {};
    const auto now = pool::runtime::now();
    if (now >= until) return undone ? "undone, and still there" : undone.error();
    pool::runtime::poll_until({}, pool::core::after(now, std::chrono::milliseconds{10}));
  }
}

// Of the runs' own folders; nothing else is removed with all that is in it. What is mounted there
// (a kill may come between the mount and its record) goes first.
std::string remove_run_folder(const std::string& folder) {
  const fs::path path{folder};
  if (!path.filename().string().starts_with(run_folder_prefix)) return folder + ": not a run's";
  std::ifstream mounts{"/proc/self/mounts"};
  for (std::string device, point, rest; mounts >> device >> point && std::getline(mounts, rest);) {
    if (point.starts_with(folder + "/")) (void)umount2(point.c_str(), MNT_DETACH);
  }
  std::error_code failed;
  fs::remove_all(path, failed);
  return failed ? fmt::format("{}: {}", folder, failed.message()) : std::string{};
}

}  // namespace

Attempt<std::string> make_run_folder() {
  std::string folder = fs::temp_directory_path() / (std::string{run_folder_prefix} + "XXXXXX");
  if (mkdtemp(folder.data()) == nullptr) {
    return tl::unexpected(fmt::format("{}: {}", folder, std::strerror(errno)));
  }
  return folder;
}

std::string default_state_folder() {
  if (const char* folder = std::getenv("ORDEAL_CHAOS_STATE"); folder != nullptr && *folder != 0) {
    return folder;
  }
  return fmt::format("/var/tmp/ordeal-chaos-{}", geteuid());
}

Attempt<UndoLog> UndoLog::open(const std::string& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  UndoLog log;
  log.path_ = fmt::format("{}/undo-{}.jsonl", folder, getpid());
  log.file_.reset(
      ::open(log.path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  const auto self = HeldProcess::hold(getpid());
  if (!log.file_ || !self || !log.write_line({{"schema", 1}, {"host", self->to_json()}})) {
    return tl::unexpected(fmt::format("{}: {}", log.path_, std::strerror(errno)));
  }
  sync_folder(folder);
  return log;
}

bool UndoLog::write_line(const json& line) {
  const std::string text = line.dump() + "\n";
  return write(file_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         fsync(file_.get()) == 0;
}

Attempt<std::uint64_t> UndoLog::add(std::string_view kind, const json& record) {
  const std::uint64_t id = ++last_id_;
  if (file_ && !write_line({{"id", id}, {"kind", kind}, {"record", record}})) {
    return tl::unexpected(fmt::format("{}: {}", path_, std::strerror(errno)));
  }
  ++open_;
  return id;
}

void UndoLog::done(std::uint64_t id) {
  if (id == 0) return;
  --open_;
  if (file_) (void)write_line({{"done", id}});
}

void UndoLog::close() {
  if (file_ && open_ == 0) unlink(path_.c_str());
  file_.reset();
}

std::vector<Leftover> undo_leftovers(const std::string& folder, const Registry& registry) {
  std::vector<Leftover> leftovers;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator{folder, failed}) {
    const std::string path = entry.path();
    if (!entry.path().filename().string().starts_with("undo-")) continue;
    bool running = false;
    const auto open = open_records_of(path, running);
    if (running) continue;
    bool all = true;
    for (auto record = open.rbegin(); record != open.rend(); ++record) {
      Leftover left{path, record->second.kind, record->second.record, ""};
      const FaultKind* kind = registry.find(left.kind);
      if (left.kind == run_folder_kind) {
        left.error = remove_run_folder(left.record.value("folder", ""));
      } else if (kind == nullptr || !kind->undo) {
        left.error = "this program knows no such fault";
      } else {
        left.error = undo_and_see(*kind, left.record);
      }
      all = all && left.error.empty();
      leftovers.push_back(std::move(left));
    }
    if (all) fs::remove(entry.path(), failed);
  }
  return leftovers;
}

}  // namespace ordeal::chaos

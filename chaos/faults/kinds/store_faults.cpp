// The file in which sessions are: locked by somebody else, now and then or for good; no room left.
// Proof: an attempt of our own to write fails as it should.
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

Database open_database(const std::string& file) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  Database database{opened};
  if (code != SQLITE_OK) return nullptr;
  sqlite3_busy_timeout(opened, 0);
  return database;
}

int run(sqlite3* database, const char* sql) {
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr);
}

// A connection that has begun to write, and does not go on.
struct Lock {
  Database database;
  bool held = false;
};

bool take(Lock& lock) {
  lock.held = run(lock.database.get(), "BEGIN IMMEDIATE") == SQLITE_OK;
  return lock.held;
}

Permit permit_file(const Site& site) {
  return site.store_file.empty() ? refused_because("pool.session_store is not sqlite:{store}")
                                 : Permit{};
}

Attempt<void> begin_lock(Strike& strike, Site& site) {
  auto lock = std::make_shared<Lock>();
  lock->database = open_database(site.store_file);
  if (!lock->database) return tl::unexpected(site.store_file + ": cannot open");
  strike.resource = lock;
  (void)take(*lock);  // else in the next step: the pool may be writing just now
  strike.step_due = time_now() + milliseconds{2};
  return {};
}

TimePoint retry_lock(Strike& strike, Site&) {
  auto* lock = static_cast<Lock*>(strike.resource.get());
  if (lock != nullptr && !lock->held) (void)take(*lock);
  return time_now() + milliseconds{2};
}

// Lets others write for as long as it has locked.
TimePoint pulse_lock(Strike& strike, Site&) {
  auto* lock = static_cast<Lock*>(strike.resource.get());
  if (lock == nullptr) return TimePoint::max();
  if (!lock->held) {
    const bool took = take(*lock);
    return time_now() + milliseconds{took ? strike.value("hold_ms") : 2};
  }
  run(lock->database.get(), "ROLLBACK");
  lock->held = false;
  return time_now() + milliseconds{strike.value("free_ms")};
}

std::optional<std::string> prove_locked(Strike& strike, Site& site) {
  const auto* lock = static_cast<const Lock*>(strike.resource.get());
  if (lock == nullptr || !lock->held) return {};
  const Database another = open_database(site.store_file);
  if (!another) return {};
  const int code = run(another.get(), "BEGIN IMMEDIATE");
  if (code == SQLITE_OK) run(another.get(), "ROLLBACK");
  if (code != SQLITE_BUSY) return {};
  return std::string{"a second writer is told SQLITE_BUSY"};
}

FaultKind lock_kind(std::string_view name, std::string_view summary, std::string_view expected) {
  FaultKind kind{.name = name,
                 .summary = summary,
                 .proof = "a second writer of our own is told SQLITE_BUSY",
                 .expected = expected,
                 .aim = Aim::store};
  kind.permit = permit_file;
  kind.inject = begin_lock;
  kind.step = retry_lock;
  kind.prove = prove_locked;
  undo_by_release(kind);  // closing rolls back
  return kind;
}

// --- no room -----------------------------------------------------------------------------------

// Room for SQLite's own log, which grows to 4 MiB before it is folded back into the file.
constexpr const char* room_kib = "16384";

std::uint64_t free_bytes(const std::string& folder) {
  struct statvfs room {};
  if (statvfs(folder.c_str(), &room) != 0) return 0;
  return static_cast<std::uint64_t>(room.f_bavail) * room.f_bsize;
}

Attempt<json> mount_small_disk(Site& site) {
  const std::string folder = std::filesystem::path{site.store_file}.parent_path();
  if (mount("tmpfs", folder.c_str(), "tmpfs", 0, fmt::format("size={}k", room_kib).c_str()) != 0) {
    return tl::unexpected(fmt::format("mount tmpfs on {}: {}", folder, std::strerror(errno)));
  }
  return json{{"mounted", folder}};
}

Attempt<void> fill(Strike& strike, Site&) {
  const std::string path = strike.record["ballast"];
  const pool::process::FileDescriptor file{
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file) return tl::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
  const std::string block(4096, 'x');
  while (write(file.get(), block.data(), block.size()) > 0) {
  }
  return {};
}

FaultKind fill_kind() {
  FaultKind kind{.name = "fill_store",
                 .summary = "no room on the disk that sessions are on",
                 .proof = "statvfs says 0 bytes free, and a write fails with ENOSPC",
                 .expected = "store_full, a definite error; nothing acknowledged is lost; it heals",
                 .aim = Aim::store};
  kind.permit = [](const Site& site) {
    if (geteuid() != 0) return refused_because("CAP_SYS_ADMIN is needed to mount a small tmpfs");
    return permit_file(site);
  };
  kind.prepare = mount_small_disk;
  kind.plan = [](Strike& strike, Site& site) -> Attempt<void> {
    const std::filesystem::path folder = std::filesystem::path{site.store_file}.parent_path();
    strike.record = {{"ballast", folder / "ballast"}};
    return {};
  };
  kind.inject = fill;
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    const std::filesystem::path ballast{strike.record["ballast"].get<std::string>()};
    if (!std::filesystem::exists(ballast) || free_bytes(ballast.parent_path()) > 0) return {};
    const pool::process::FileDescriptor file{
        open(ballast.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
    if (!file || write(file.get(), "x", 1) == 1 || errno != ENOSPC) return {};
    return std::string{"statvfs: 0 bytes free; a write fails: ENOSPC"};
  };
  kind.undo = [](const json& record, std::shared_ptr<void>&) -> Attempt<std::string> {
    if (record.contains("mounted")) {
      const std::string folder = record["mounted"];
      if (umount2(folder.c_str(), MNT_DETACH) == 0) return "unmounted " + folder;
      if (errno == EINVAL || errno == ENOENT) return folder + " is no mount";
      return tl::unexpected(fmt::format("umount {}: {}", folder, std::strerror(errno)));
    }
    const std::string ballast = record["ballast"];
    if (unlink(ballast.c_str()) == 0) return "removed " + ballast;
    if (errno == ENOENT) return ballast + " is not there";
    return tl::unexpected(fmt::format("unlink {}: {}", ballast, std::strerror(errno)));
  };
  kind.undone = [](const json& record) {
    return record.contains("mounted") ||
           !std::filesystem::exists(record["ballast"].get<std::string>());
  };
  return kind;
}

}  // namespace

void add_store_faults(std::vector<FaultKind>& kinds) {
  kinds.push_back(lock_kind("lock_store", "another program holds the lock of the sessions' file",
                            "store_unavailable after its patience; nothing acknowledged is lost"));
  FaultKind slow = lock_kind("slow_store", "the sessions' file is locked now and then",
                             "slower; nothing acknowledged is lost");
  slow.options = {{"hold_ms", 1, 10'000, 20, "locked for so long"},
                  {"free_ms", 1, 10'000, 20, "free in between"}};
  slow.step = pulse_lock;
  kinds.push_back(std::move(slow));
  kinds.push_back(fill_kind());
}

}  // namespace ordeal::chaos

// What is to be undone, on disk before it is done: a run that is killed leaves its log behind, and
// `ordeal-chaos undo`, or the next run, undoes what is in it.
//
// One file a run, FOLDER/undo-PID.jsonl. First line: the process, by pid and start time. Then a
// line for each record, synced to the disk before add() returns, and one for each that is done
// with. The file goes when all is undone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {

class UndoLog {
 public:
  // Makes the folder. Errors: a sentence with the path.
  [[nodiscard]] static Attempt<UndoLog> open(const std::string& folder);
  UndoLog() = default;  // keeps nothing: for tests
  UndoLog(UndoLog&&) = default;
  UndoLog& operator=(UndoLog&&) = default;

  [[nodiscard]] Attempt<std::uint64_t> add(std::string_view kind, const json& record);
  void done(std::uint64_t id);
  // Nothing is left to undo: removes the file.
  void close();
  [[nodiscard]] std::size_t open_records() const { return open_; }

 private:
  [[nodiscard]] bool write_line(const json& line);
  pool::process::FileDescriptor file_;
  std::string path_;
  std::uint64_t last_id_ = 0;
  std::size_t open_ = 0;
};

// A run's own folder for what is temporary. It gets a record of this kind, {"folder": path}, so
// that it goes with the rest; being the first record it goes last, after what is mounted in it.
inline constexpr std::string_view run_folder_kind = "run_folder";
inline constexpr std::string_view run_folder_prefix = "ordeal-chaos-";
[[nodiscard]] Attempt<std::string> make_run_folder();

// $ORDEAL_CHAOS_STATE, or /var/tmp/ordeal-chaos-UID: outlives reboots, as mounts and groups do not,
// so that at worst there is nothing to undo any more.
[[nodiscard]] std::string default_state_folder();

struct Leftover {
  std::string file;
  std::string kind;
  json record;
  std::string error;  // empty: undone
};
// Undoes what runs that are no longer there have left, newest record first.
[[nodiscard]] std::vector<Leftover> undo_leftovers(const std::string& folder,
                                                   const Registry& registry);

}  // namespace ordeal::chaos

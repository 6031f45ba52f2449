// What a run needs around its pool, made before it starts and gone after it: a folder of its own,
// relays, a file for the sessions, and what single faults want to have prepared.
//
// Invariant: whatever is made has its undo record, or lies in the run's folder, which has one.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "chaos/experiment/plan.hpp"
#include "chaos/experiment/run.hpp"
#include "chaos/faults/undo_log.hpp"

namespace ordeal::chaos {

class Surroundings {
 public:
  // Errors: a sentence; clean_up() is the caller's then, too.
  [[nodiscard]] Attempt<void> prepare(const Plan& plan, const RunOptions& options);
  // Undoes what was prepared. After the pool has stopped.
  void clean_up();

  [[nodiscard]] Site& site() { return site_; }
  [[nodiscard]] UndoLog& undo() { return undo_; }
  // The plan's, with what its marks stand for.
  [[nodiscard]] const pool::Options& pool_options() const { return pool_options_; }

 private:
  struct Prepared {
    const FaultKind* kind;
    std::uint64_t undo_id;
    json record;
  };
  [[nodiscard]] Attempt<void> make_folders(const Plan& plan, const RunOptions& options);
  void fill_in(std::string& text) const;

  Site site_;
  UndoLog undo_;
  pool::Options pool_options_;
  std::uint64_t folder_record_ = 0;
  std::vector<std::pair<std::string, std::string>> marks_;  // marks, and what they stand for
  std::vector<Prepared> prepared_;
};

}  // namespace ordeal::chaos

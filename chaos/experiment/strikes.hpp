// The strikes of a run: chooses targets, leads each through its life, and is never waited for.
//
// Whoever runs the experiment calls fire() when a shot is due and advance() at every turn of its
// loop; both return at once. advance() says when it wants to be called again.
//
// Invariants:
//   (1) The undo record is on the disk before inject() is called.
//   (2) Each strike that was injected is undone, proved or not, and also when the run is given up:
//       undo_all().
//   (3) A strike is `recovered` only after it was undone (or needed no undoing) and the pool, as a
//       look at it says, is whole without the victim.
#pragma once

#include <deque>
#include <functional>

#include "chaos/experiment/plan.hpp"
#include "chaos/faults/undo_log.hpp"
#include "chaos/journal/journal.hpp"

namespace ordeal::chaos {

class Strikes {
 public:
  Strikes(const Plan& plan, Site& site, UndoLog& undo, Journal& journal)
      : plan_(plan), site_(site), undo_(undo), journal_(journal) {}

  // Chooses the targets of a shot and strikes them, one after another where they are staggered.
  // False: nobody fitted the target just now.
  bool fire(const Shot& shot);
  TimePoint advance(const pool::Status& status);
  // A worker left its duty: the pool has noticed.
  void noticed(std::uint64_t worker, TimePoint at);
  // Undoes whatever is not undone, at once. For the end of the run.
  void undo_all();

  [[nodiscard]] const std::deque<Strike>& all() const { return strikes_; }
  // At the end of the run; lets go of the processes.
  [[nodiscard]] std::deque<Strike> take();
  [[nodiscard]] bool alive() const;        // some strike is not over
  [[nodiscard]] bool await_proof() const;  // some strike may show its effect yet
  [[nodiscard]] std::uint32_t fired(std::size_t entry) const;
  // Workers that serve, without those that a strike has just ended.
  [[nodiscard]] std::uint32_t serving(const pool::Status& status) const;

 private:
  struct Staggered {
    TimePoint due;
    std::size_t strike;
  };
  [[nodiscard]] bool struck_to_end(const pool::WorkerStatus& worker) const;
  [[nodiscard]] std::vector<WorkerId> targets_of(const FaultEntry& entry,
                                                 const pool::Status& status);
  void select(std::size_t entry, const WorkerId& id);
  void inject(Strike& strike);
  void skip(Strike& strike, std::string reason);
  void advance_one(Strike& strike, const pool::Status& status, TimePoint now);
  void try_undo(Strike& strike, TimePoint now);
  [[nodiscard]] bool is_stuck(const Strike& strike, const pool::Status& status) const;
  [[nodiscard]] bool whole_again(const Strike& strike, const pool::Status& status) const;
  void note(const Strike& strike, std::string_view state);
  [[nodiscard]] const FaultEntry& entry_of(const Strike& strike) const {
    return plan_.faults[strike.entry];
  }

  const Plan& plan_;
  Site& site_;
  UndoLog& undo_;
  Journal& journal_;
  std::deque<Strike> strikes_;
  std::vector<Staggered> staggered_;
};

}  // namespace ordeal::chaos

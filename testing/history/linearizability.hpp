// Whether a history of concurrent operations could have come from doing them one at a time, each at
// some instant between its call and its return (Herlihy and Wing): the search of Wing and Gong,
// with Lowe's memory of what has been tried, one partition after the other.
//
//     std::vector<Operation> history;             // recorded by HistoryRecorder, or by hand
//     const Linearization found = linearize(history, register_model());
//     EXPECT_TRUE(found.holds) << found.explanation;
//
// A model is pure: from a state and an operation with what it returned to the next state, or
// nothing if no such return is possible there. States are text, so that they can be remembered.
// Operations on different keys must be independent: each key is a partition (P-compositionality),
// which is what makes long histories affordable.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ordeal::trial {

struct Operation {
  std::uint32_t client = 0;
  std::string key;             // the partition
  std::string input;           // what was asked, in the model's words
  std::string output;          // what was returned; of one that never returned: nothing is known
  std::uint64_t called = 0;    // stamps: of two, the lower came first
  std::uint64_t returned = 0;  // 0: never; it may have happened at any time since, or not at all
};

struct SequentialModel {
  std::string initial;
  std::function<std::optional<std::string>(const std::string& state, const Operation& operation)>
      step;
  // The possible states after one that never returned.
  std::function<std::vector<std::string>(const std::string& state, const Operation& operation)>
      step_unknown;
};

struct Linearization {
  bool holds = true;
  bool gave_up = false;     // too many states: neither yes nor no
  std::string explanation;  // of a failure: the partition, the longest order that is possible, and
                            // the operations of which none can be next
  std::uint64_t tried = 0;
};
[[nodiscard]] Linearization linearize(const std::vector<Operation>& history,
                                      const SequentialModel& model,
                                      std::uint64_t tries_max = 10'000'000);

// Stamps calls and returns, from any thread.
class HistoryRecorder {
 public:
  // Does it, between two stamps.
  void record(std::uint32_t client, std::string key, std::string input,
              const std::function<std::string()>& operation);
  [[nodiscard]] std::vector<Operation> take();

 private:
  std::atomic<std::uint64_t> stamp_{1};
  std::mutex mutex_;
  std::vector<Operation> operations_;
};

}  // namespace ordeal::trial

#include "testing/history/linearizability.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

namespace ordeal::trial {
namespace {

using Taken = std::vector<bool>;  // by operation: has its place in the order

// One partition.
class Search {
 public:
  Search(std::vector<Operation> operations, const SequentialModel& model, std::uint64_t tries_max)
      : operations_(std::move(operations)), model_(model), tries_max_(tries_max) {
    std::sort(operations_.begin(), operations_.end(),
              [](const Operation& a, const Operation& b) { return a.called < b.called; });
  }

  Linearization run() {
    Linearization found;
    Taken taken(operations_.size());
    found.holds = goes_on(taken, model_.initial);
    found.gave_up = tried_ >= tries_max_;
    found.tried = tried_;
    if (!found.holds && !found.gave_up) found.explanation = explain();
    return found;
  }

 private:
  // Deepest first, and without a stack of its own: histories are long.
  struct Turn {
    std::vector<std::pair<std::size_t, std::string>> next;  // operation, state behind it
    std::size_t at = 0;
    std::size_t chosen = 0;
  };

  bool goes_on(Taken& taken, const std::string& initial) {
    std::vector<Turn> turns;
    if (is_done(taken)) return true;
    turns.push_back({.next = candidates(taken, initial)});
    while (!turns.empty() && tried_ < tries_max_) {
      Turn& turn = turns.back();
      if (turn.at == turn.next.size()) {
        turns.pop_back();
        if (!turns.empty()) {
          taken[turns.back().chosen] = false;
          order_.pop_back();
        }
        continue;
      }
      const auto [operation, state] = turn.next[turn.at++];
      ++tried_;
      taken[operation] = true;
      if (!seen_.insert(remembered(taken, state)).second) {
        taken[operation] = false;
        continue;
      }
      turn.chosen = operation;
      order_.push_back(operation);
      if (order_.size() > longest_.size()) longest_ = order_;
      if (is_done(taken)) return true;
      turns.push_back({.next = candidates(taken, state)});
    }
    return false;
  }

  // One that never returned need not have happened.
  [[nodiscard]] bool is_done(const Taken& taken) const {
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (!taken[i] && operations_[i].returned != 0) return false;
    }
    return true;
  }

  // Nobody may come behind another that was called only after it had returned.
  [[nodiscard]] std::vector<std::size_t> minimal(const Taken& taken) const {
    std::uint64_t first_return = ~std::uint64_t{0};
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (!taken[i] && operations_[i].returned != 0) {
        first_return = std::min(first_return, operations_[i].returned);
      }
    }
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < operations_.size() && operations_[i].called < first_return; ++i) {
      if (!taken[i]) found.push_back(i);
    }
    return found;
  }

  [[nodiscard]] std::vector<std::pair<std::size_t, std::string>> candidates(
      const Taken& taken, const std::string& state) const {
    std::vector<std::pair<std::size_t, std::string>> found;
    for (const std::size_t i : minimal(taken)) {
      if (operations_[i].returned == 0) {
        for (std::string& next : model_.step_unknown(state, operations_[i])) {
          found.emplace_back(i, std::move(next));
        }
      } else if (auto next = model_.step(state, operations_[i])) {
        found.emplace_back(i, std::move(*next));
      }
    }
    return found;
  }

  [[nodiscard]] static std::string remembered(const Taken& taken, const std::string& state) {
    std::string key(taken.size() / 8 + 1, '\0');
    for (std::size_t i = 0; i < taken.size(); ++i) {
      if (taken[i]) key[i / 8] = static_cast<char>(key[i / 8] | 1 << i % 8);
    }
    return key + state;
  }

  [[nodiscard]] std::string explain() const {
    std::string state = model_.initial;
    std::string text = "key " + operations_.front().key + ": no order explains what was returned.";
    text += " As far as it goes:";
    Taken taken(operations_.size());
    for (const std::size_t i : longest_) {
      taken[i] = true;
      text += "\n  " + in_words(operations_[i]);
    }
    text += "\nand none of these can be next:";
    for (const std::size_t i : minimal(taken)) text += "\n  " + in_words(operations_[i]);
    return text;
  }

  [[nodiscard]] static std::string in_words(const Operation& operation) {
    return "[" + std::to_string(operation.called) + ", " +
           (operation.returned == 0 ? "?" : std::to_string(operation.returned)) + "] client " +
           std::to_string(operation.client) + ": " + operation.input + " -> " +
           (operation.returned == 0 ? "?" : operation.output);
  }

  std::vector<Operation> operations_;
  const SequentialModel& model_;
  std::uint64_t tries_max_;
  std::uint64_t tried_ = 0;
  std::unordered_set<std::string> seen_;
  std::vector<std::size_t> order_;
  std::vector<std::size_t> longest_;
};

}  // namespace

Linearization linearize(const std::vector<Operation>& history, const SequentialModel& model,
                        std::uint64_t tries_max) {
  std::map<std::string, std::vector<Operation>> partitions;
  for (const Operation& operation : history) partitions[operation.key].push_back(operation);
  Linearization all;
  for (auto& [key, operations] : partitions) {
    Linearization one = Search(std::move(operations), model, tries_max).run();
    all.tried += one.tried;
    all.gave_up |= one.gave_up;
    if (one.holds) continue;
    all.holds = false;
    if (all.explanation.empty()) all.explanation = std::move(one.explanation);
  }
  return all;
}

void HistoryRecorder::record(std::uint32_t client, std::string key, std::string input,
                             const std::function<std::string()>& operation) {
  Operation done{.client = client, .key = std::move(key), .input = std::move(input)};
  done.called = stamp_.fetch_add(1);
  done.output = operation();
  done.returned = stamp_.fetch_add(1);
  const std::lock_guard lock{mutex_};
  operations_.push_back(std::move(done));
}

std::vector<Operation> HistoryRecorder::take() {
  const std::lock_guard lock{mutex_};
  return std::move(operations_);
}

}  // namespace ordeal::trial

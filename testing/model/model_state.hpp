// The state of a pool as a walk sees it, coarse enough to be counted: how many wait (nobody, one,
// many, as many as may), how many workers start, serve ... A suite sums up how often each was
// visited, and from which it went to which.
//
// To add a dimension: its row in model_state.cpp, its value in CoreOracle::state().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ordeal::trial {

// Values of all dimensions, packed.
using ModelState = std::uint32_t;

struct ModelDimension {
  std::string_view name;
  std::vector<std::string_view> values;
  std::uint32_t shift = 0;
  [[nodiscard]] std::size_t value_of(ModelState state) const { return state >> shift & mask(); }
  [[nodiscard]] ModelState mask() const;
};
[[nodiscard]] std::span<const ModelDimension> model_dimensions();
[[nodiscard]] std::string in_words(ModelState state);  // "waiting: many, starting: none, ..."

// How often each key was seen. Small, and quick where few keys are seen often.
class CountTable {
 public:
  void add(std::uint64_t key, std::uint64_t count = 1);
  void add(const CountTable& other);
  [[nodiscard]] std::uint64_t count_of(std::uint64_t key) const;
  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint64_t>> all() const;  // by key

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::uint64_t count = 0;  // 0: free
  };
  [[nodiscard]] std::size_t place_of(std::uint64_t key) const;
  void grow();

  std::vector<Entry> entries_;
  std::size_t used_ = 0;
};

// States, and the transitions between two that differ.
class StateHistogram {
 public:
  void visit(ModelState state) {
    if (state != last_ || states_.size() == 0) {
      if (states_.size() != 0) transitions_.add(std::uint64_t{last_} << 32U | state);
      last_ = state;
    }
    states_.add(state);
  }
  void add(const StateHistogram& other) {
    states_.add(other.states_);
    transitions_.add(other.transitions_);
  }
  [[nodiscard]] const CountTable& states() const { return states_; }
  [[nodiscard]] const CountTable& transitions() const { return transitions_; }
  // Of one value of one dimension.
  [[nodiscard]] std::uint64_t visits(const ModelDimension& dimension, std::size_t value) const;

 private:
  CountTable states_;
  CountTable transitions_;
  ModelState last_ = 0;
};

}  // namespace ordeal::trial

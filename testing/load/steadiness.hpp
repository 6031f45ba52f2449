// Whether a warm-up is over: not after a fixed count, but when the measure has stopped moving.
//
// It is told the measure (a block's median latency, say) block by block. Steady is when the last
// `window` blocks lie within `tolerance_percent` of their median, apart from one straggler, and
// their second half is not on the way on from the first. Pure.
#pragma once

#include <cstdint>
#include <deque>

namespace ordeal::trial {

class Steadiness {
 public:
  struct Options {
    std::uint32_t window = 6;  // REQUIRES: at least 4
    std::uint32_t tolerance_percent = 10;
    std::uint32_t blocks_max = 60;  // then it is over, steady or not
  };
  explicit Steadiness(Options options) : options_(options) {}

  // True when the warm-up is over.
  bool add(double measure);

  [[nodiscard]] bool steady() const { return steady_; }  // false at the end: it never was
  [[nodiscard]] std::uint32_t blocks() const { return blocks_; }

 private:
  [[nodiscard]] bool looks_steady() const;

  Options options_;
  std::deque<double> last_;
  std::uint32_t blocks_ = 0;
  bool steady_ = false;
};

}  // namespace ordeal::trial

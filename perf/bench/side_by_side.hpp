// Two ways to make the same calls, measured in pairs of blocks whose order alternates: what one
// block has to bear of the machine, the other has, too.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "ordeal/pool/error.hpp"

namespace ordeal::perf {

// What is measured or compared with: callers, each with a way to make one call. They call at once.
struct Side {
  std::vector<std::function<std::optional<pool::Error>()>> callers;
  std::vector<int> worker_pids;  // whose processor time counts, besides this process's
};

// What a caller returns for the outcome of its call.
template <typename T>
[[nodiscard]] std::optional<pool::Error> failure_of(pool::Result<T> outcome) {
  if (outcome) return std::nullopt;
  return std::move(outcome.error());
}

// Of each pair: the first side's statistic over the other's.
struct Ratios {
  std::vector<double> mean;
  std::vector<double> p50;
  std::vector<double> p90;
  std::vector<double> p99;
  std::vector<double> cpu;         // processor time of a call
  std::vector<double> throughput;  // calls a second
};

// What all pairs have shown so far.
struct SideBySide {
  std::vector<double> mine_us;
  std::vector<double> control_us;
  Ratios ratios;
};

struct BlockSizes {
  std::uint32_t pairs = 0;
  std::uint32_t calls_per_block = 0;  // of all callers together
  std::uint32_t warm_up_calls = 0;    // of each side, before its first pair
};

// Errors: the first of a call.
[[nodiscard]] pool::Result<void> add_pairs(SideBySide& seen, const Side& mine, const Side& control,
                                           const BlockSizes& sizes);

}  // namespace ordeal::perf

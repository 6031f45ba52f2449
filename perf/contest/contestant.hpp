// Those who do the same work side by side: the pool, its control (raw pipes), its peers.
//
// A contestant is started once, and does a block of the work whenever it is its turn; between its
// turns it is idle. Thread safety: none; destruction ends what it started.
#pragma once

#include <memory>
#include <string>

#include "perf/suites/suite.hpp"
#include "testing/load/latency_histogram.hpp"

namespace ordeal::perf {

struct Block {
  double wall_s = 0;
  trial::LatencyHistogram latencies;
  std::uint64_t failed = 0;
  std::string note;  // what it took to go on: "had to be rebuilt"
};

class Contestant {
 public:
  virtual ~Contestant() = default;
  [[nodiscard]] virtual std::string version() const = 0;
  // So many calls, replacements after a SIGKILL, or starts, as the case's scenario says.
  [[nodiscard]] virtual Attempt<Block> run(std::uint64_t calls) = 0;
};
using MadeContestant = Attempt<std::unique_ptr<Contestant>>;

// Errors: program. That of a contestant that is not to be had on this machine says why.
[[nodiscard]] MadeContestant make_ordeal(const CaseSpec& spec);
[[nodiscard]] MadeContestant make_raw_pipes(const CaseSpec& spec);
[[nodiscard]] MadeContestant make_peer(const std::string& name, const CaseSpec& spec);
// By its name in a suite (contestant_names).
[[nodiscard]] MadeContestant make_contestant(const std::string& name, const CaseSpec& spec);

}  // namespace ordeal::perf

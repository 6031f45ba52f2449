// The pool itself, and its control: a raw blocking pipe to each worker, driven by a thread each.
#include <algorithm>
#include <thread>
#include <vector>

#include "ordeal/pool/pool.hpp"
#include "perf/bench/raw_pipe.hpp"
#include "perf/contest/contestant.hpp"
#include "perf/scenarios/case_pool.hpp"
#include "perf/scenarios/run_case.hpp"

namespace ordeal::perf {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

class OrdealCalls final : public Contestant {
 public:
  OrdealCalls(const CaseSpec& spec, pool::Pool pool) : spec_(spec), pool_(std::move(pool)) {}
  [[nodiscard]] std::string version() const override { return "this build"; }
  Attempt<Block> run(std::uint64_t calls) override {
    const auto call = calls_through(pool_, spec_, false);
    auto result = trial::run_back_to_back(
        {.sessions = spec_.sessions}, ++seed_,
        {.callers = spec_.callers, .calls = calls, .deadline = spec_.deadline}, call);
    return Block{.wall_s = std::chrono::duration<double>(result.length).count(),
                 .latencies = std::move(result.service),
                 .failed = result.planned - result.ok};
  }

 private:
  const CaseSpec spec_;
  pool::Pool pool_;
  std::uint64_t seed_ = 0;
};

// A start, or a replacement after a SIGKILL: as the scenarios measure it.
class OrdealLives final : public Contestant {
 public:
  explicit OrdealLives(const CaseSpec& spec) : spec_(spec) {}
  [[nodiscard]] std::string version() const override { return "this build"; }
  Attempt<Block> run(std::uint64_t calls) override {
    const SampleOptions options{.calls = calls};
    auto found = spec_.scenario == Scenario::start ? measure_start(spec_, options)
                                                   : measure_replace(spec_, options);
    if (!found) return tl::unexpected(found.error());
    return Block{.wall_s = found->duration_s, .latencies = std::move(found->latencies)};
  }

 private:
  const CaseSpec spec_;
};

class RawPipes final : public Contestant {
 public:
  RawPipes(const CaseSpec& spec, std::vector<RawPipe> pipes)
      : spec_(spec), arguments_(arguments_of(spec)), pipes_(std::move(pipes)) {}
  [[nodiscard]] std::string version() const override { return "control"; }
  Attempt<Block> run(std::uint64_t calls) override {
    std::vector<Block> blocks(pipes_.size());
    const std::uint64_t each = std::max<std::uint64_t>(calls / pipes_.size(), 1);
    const auto begun = Clock::now();
    if (pipes_.size() == 1) {
      drive(pipes_.front(), each, blocks.front());
    } else {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < pipes_.size(); ++i) {
        threads.emplace_back([&, i] { drive(pipes_[i], each, blocks[i]); });
      }
    }
    Block all{.wall_s = seconds_since(begun)};
    for (const Block& block : blocks) {
      all.latencies.merge(block.latencies);
      all.failed += block.failed;
    }
    return all;
  }

 private:
  void drive(RawPipe& pipe, std::uint64_t calls, Block& block) {
    for (std::uint64_t i = 0; i < calls; ++i) {
      const auto begun = Clock::now();
      const auto reply = pipe.call(spec_.command, arguments_);
      if (reply) {
        block.latencies.add(Clock::now() - begun);
      } else {
        ++block.failed;
      }
    }
  }

  const CaseSpec spec_;
  const std::string arguments_;
  std::vector<RawPipe> pipes_;
};

}  // namespace

MadeContestant make_ordeal(const CaseSpec& spec) {
  if (spec.scenario != Scenario::calls) return std::make_unique<OrdealLives>(spec);
  auto pool = pool::Pool::start(options_of(spec));
  if (!pool) return tl::unexpected(no_program(spec, pool.error()));
  return std::make_unique<OrdealCalls>(spec, std::move(*pool));
}

MadeContestant make_raw_pipes(const CaseSpec& spec) {
  if (spec.scenario != Scenario::calls) {
    return tl::unexpected(Error{
        .kind = ErrorKind::program, .about = "raw_pipe", .message = "does calls and nothing else"});
  }
  std::vector<RawPipe> pipes;
  // As many as can be at work at once.
  for (std::uint32_t i = 0; i < std::min(spec.pool.size, spec.callers); ++i) {
    auto pipe = RawPipe::start(worker_command(spec));
    if (!pipe) return tl::unexpected(no_program(spec, pipe.error()));
    pipes.push_back(std::move(*pipe));
  }
  return std::make_unique<RawPipes>(spec, std::move(pipes));
}

MadeContestant make_contestant(const std::string& name, const CaseSpec& spec) {
  if (name == "ordeal") return make_ordeal(spec);
  return name == "raw_pipe" ? make_raw_pipes(spec) : make_peer(name, spec);
}

}  // namespace ordeal::perf

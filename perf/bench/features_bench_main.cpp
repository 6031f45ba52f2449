// ordeal-features-bench: what the features cost. Calls through a pool with all of them on beside
// calls through a pool with all of them off, same worker program, interleaved, everything pinned to
// one CPU; and that each feature had its part in every call, by count. Both callers say the same;
// that a worker is told of the session (18 bytes more for it to read) belongs to the cost.
// Exit codes: 0 measured, 1 could not measure or a feature did not fire, 2 usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "ordeal/pool/metrics.hpp"
#include "ordeal/pool/pool.hpp"
#include "ordeal/pool/reporter.hpp"
#include "ordeal/pool/session.hpp"
#include "perf/bench/features.hpp"
#include "perf/bench/pinning.hpp"
#include "perf/bench/python.hpp"
#include "perf/bench/sample.hpp"
#include "perf/bench/side_by_side.hpp"

namespace {

namespace op = ordeal::pool;
using ordeal::perf::BlockSizes;
using ordeal::perf::Interval;
using ordeal::perf::Side;
using ordeal::perf::SideBySide;
using ordeal::perf::Summary;
using Call = std::function<op::Result<op::Reply>()>;

struct BenchOptions {
  std::uint32_t pairs = 160;  // of 40 the median moves by 0.4 % from run to run, of 160 by 0.1
  std::uint32_t pairs_per_process = 5;  // as call_bench.hpp's
  std::uint32_t calls_per_block = 200;
  std::uint32_t warm_up_calls = 500;
  std::size_t payload_bytes = 64;
  std::vector<std::string> worker{ordeal::perf::worker_python(), ORDEAL_MOCK_BRIDGE, "--faults"};
  std::string json_file;
};

// How often each event came.
class Tally {
 public:
  [[nodiscard]] op::Sink sink() {
    return [this](const op::PoolEvent& event) {
      const std::lock_guard lock{mutex_};
      ++counts_[event.what];
    };
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> counts() const {
    const std::lock_guard lock{mutex_};
    return {counts_.begin(), counts_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string_view, std::uint64_t> counts_;  // names live as long as the program
};

// One caller.
Side side_of(const Call& call) {
  return {.callers = {[call] { return ordeal::perf::failure_of(call()); }}, .worker_pids = {}};
}

// How often each feature fired, and how often it had to: once for each call, if not more.
struct Firing {
  const char* feature = "";
  std::uint64_t count = 0;
  std::uint64_t wanted = 0;
};

std::vector<Firing> firing_of(const op::Pool& pool, const Tally& tally, const op::Metrics& metrics,
                              const op::Reporter& reporter, std::uint64_t calls) {
  auto counts = tally.counts();
  const op::Status status = pool.status();
  const auto info = pool.session("bench").info();
  return {{"sink: requests resolved", counts["request_resolved"], calls},
          {"sink: worker transitions", counts["worker_transition"], 2 * calls},
          {"session: operations counted", info ? info->operations : 0, calls},
          {"affinity: by the session's worker", status.affinity.hits, calls - 1},
          {"breaker: circuits keyed", status.breakers.size(), 1},
          {"metrics: bytes of exposition", metrics.text(status).size(), 1000},
          {"reporter: requests seen", reporter.stats().requests, calls}};
}

struct Seen {
  SideBySide pairs;
  std::uint64_t calls = 0;
  std::vector<Firing> fired;
};

// One pool of each kind, with a worker of its own.
op::Result<void> add_processes(Seen& seen, std::uint32_t pairs, const BenchOptions& bench) {
  Tally tally;
  op::Metrics metrics{"bench"};
  auto reporter = op::Reporter::start({}, {});
  if (!reporter) return tl::unexpected(reporter.error());
  auto with = op::Pool::start(ordeal::perf::features_on(bench.worker),
                              {tally.sink(), metrics.sink(), reporter->sink()});
  if (!with) return tl::unexpected(with.error());
  auto without = op::Pool::start(ordeal::perf::features_off(bench.worker));
  if (!without) return tl::unexpected(without.error());
  const std::string args = R"({"payload":")" + std::string(bench.payload_bytes, 'x') + R"("})";
  op::Session session = with->session("bench");
  std::uint64_t calls = 0;
  const Call on = [&] {
    ++calls;
    return session.call("echo", op::JsonText{args}, {.idempotent = true});
  };
  const Call off = [&] { return without->call("echo", op::JsonText{args}); };
  const BlockSizes sizes{.pairs = pairs,
                         .calls_per_block = bench.calls_per_block,
                         .warm_up_calls = bench.warm_up_calls};
  if (auto done = add_pairs(seen.pairs, side_of(on), side_of(off), sizes); !done) return done;
  (void)with->stop(std::chrono::seconds{5});  // every event has been delivered
  seen.calls += calls;
  const std::vector<Firing> fired = firing_of(*with, tally, metrics, *reporter, calls);
  seen.fired.resize(fired.size());
  for (std::size_t i = 0; i < fired.size(); ++i) {
    seen.fired[i].feature = fired[i].feature;
    seen.fired[i].count += fired[i].count;
    seen.fired[i].wanted += fired[i].wanted;
  }
  return {};
}

void print_row(const char* name, const Summary& s) {
  fmt::print("  {:<8} mean {:8.2f}  p50 {:8.2f}  p90 {:8.2f}  p99 {:8.2f}  µs\n", name, s.mean_us,
             s.p50_us, s.p90_us, s.p99_us);
}

void print_ratio(const char* name, const Interval& r) {
  fmt::print("  {:<8} on / off {:.3f}  [{:.3f}, {:.3f}]\n", name, r.median, r.low, r.high);
}

// Whether every feature fired in every call.
bool report(Seen&& seen, const BenchOptions& bench) {
  const Summary on = ordeal::perf::summarise(std::move(seen.pairs.mine_us));
  const Summary off = ordeal::perf::summarise(std::move(seen.pairs.control_us));
  const Interval p50 = ordeal::perf::median_interval(std::move(seen.pairs.ratios.p50));
  const Interval mean = ordeal::perf::median_interval(std::move(seen.pairs.ratios.mean));
  fmt::print("all features on / all off, pinned ({} pairs of {} calls, echo of {} bytes)\n",
             bench.pairs, bench.calls_per_block, bench.payload_bytes);
  print_row("on", on);
  print_row("off", off);
  print_ratio("p50", p50);
  print_ratio("mean", mean);
  nlohmann::json json{{"calls", seen.calls},      {"p50_on_us", on.p50_us},
                      {"p50_off_us", off.p50_us}, {"p50_ratio", p50.median},
                      {"p50_ratio_low", p50.low}, {"p50_ratio_high", p50.high},
                      {"mean_ratio", mean.median}};
  fmt::print("fired, in {} calls:\n", seen.calls);
  bool all = true;
  for (const Firing& firing : seen.fired) {
    const bool fired = firing.count >= firing.wanted;
    fmt::print("  {:<34} {:>8}{}\n", firing.feature, firing.count, fired ? "" : "   DID NOT FIRE");
    json["fired"][firing.feature] = firing.count;
    all = all && fired;
  }
  if (!bench.json_file.empty()) std::ofstream{bench.json_file} << json.dump(2) << '\n';
  return all;
}

int run(const BenchOptions& bench) {
  const ordeal::perf::Pinning pinning{true};
  Seen seen;
  for (std::uint32_t left = bench.pairs; left > 0;) {
    const std::uint32_t pairs = std::min(left, bench.pairs_per_process);
    if (auto added = add_processes(seen, pairs, bench); !added) {
      fmt::print(stderr, "{}\n", added.error().message);
      return 1;
    }
    left -= pairs;
  }
  return report(std::move(seen), bench) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What the features cost: all on beside all off, pinned, interleaved"};
  BenchOptions bench;
  bool quick = false;
  app.add_flag("--quick", quick, "few pairs: shows that it works and that each feature fires");
  const CLI::Option* pairs =
      app.add_option("--pairs", bench.pairs, "pairs of blocks (at least 20 for a ratio to report)");
  app.add_option("--payload-bytes", bench.payload_bytes, "size of the echoed text");
  app.add_option("--json", bench.json_file, "write the figures there too");
  app.add_option("--worker", bench.worker, "worker program and arguments");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (quick) {
    if (pairs->count() == 0) bench.pairs = 6;
    bench.warm_up_calls = 200;
  }
  return run(bench);
}

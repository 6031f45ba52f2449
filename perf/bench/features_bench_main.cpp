// ordeal-features-bench: what the features cost. Calls through a pool with all of them on beside
// calls through a pool with all of them off, same worker program, interleaved, everything pinned to
// one CPU; and that each feature had its part in every call, by count.
//
// A call in a session tells the worker which session it is of (20 bytes more to read and to echo).
// So that the workers do the same work, the caller without features writes that into its arguments
// itself; beside it stands the ratio to a caller who leaves it away.
// Exit codes: 0 measured, 1 could not measure or a feature did not fire, 2 usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
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
#include "perf/bench/sample.hpp"

namespace {

namespace op = ordeal::pool;
using ordeal::perf::Interval;
using ordeal::perf::Summary;
using Clock = std::chrono::steady_clock;
using Call = std::function<op::Result<op::Reply>()>;

struct BenchOptions {
  std::uint32_t pairs = 40;
  std::uint32_t calls_per_block = 200;
  std::uint32_t warm_up_calls = 500;
  std::size_t payload_bytes = 64;
  std::vector<std::string> worker{"python3", ORDEAL_MOCK_BRIDGE, "--faults"};
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

op::Result<std::vector<double>> time_block(const Call& call, std::uint32_t calls) {
  std::vector<double> latencies_us;
  latencies_us.reserve(calls);
  for (std::uint32_t i = 0; i < calls; ++i) {
    const auto begun = Clock::now();
    const auto reply = call();
    const auto ended = Clock::now();
    if (!reply) return tl::unexpected(reply.error());
    latencies_us.push_back(std::chrono::duration<double, std::micro>(ended - begun).count());
  }
  return latencies_us;
}

struct Measured {
  Summary on;
  Summary off;
  Interval mean_ratio;
  Interval p50_ratio;
};

op::Result<Measured> measure(const Call& on, const Call& off, const BenchOptions& bench) {
  for (const Call* call : {&on, &off}) {
    if (auto warm = time_block(*call, bench.warm_up_calls); !warm) {
      return tl::unexpected(warm.error());
    }
  }
  std::vector<double> all_on;
  std::vector<double> all_off;
  std::vector<double> means;
  std::vector<double> medians;
  for (std::uint32_t pair = 0; pair < bench.pairs; ++pair) {
    const bool on_first = pair % 2 == 0;
    auto first = time_block(on_first ? on : off, bench.calls_per_block);
    auto second = time_block(on_first ? off : on, bench.calls_per_block);
    if (!first) return tl::unexpected(first.error());
    if (!second) return tl::unexpected(second.error());
    const std::vector<double>& with = on_first ? *first : *second;
    const std::vector<double>& without = on_first ? *second : *first;
    const Summary mine = ordeal::perf::summarise(with);
    const Summary plain = ordeal::perf::summarise(without);
    means.push_back(mine.mean_us / plain.mean_us);
    medians.push_back(mine.p50_us / plain.p50_us);
    all_on.insert(all_on.end(), with.begin(), with.end());
    all_off.insert(all_off.end(), without.begin(), without.end());
  }
  return Measured{.on = ordeal::perf::summarise(std::move(all_on)),
                  .off = ordeal::perf::summarise(std::move(all_off)),
                  .mean_ratio = ordeal::perf::median_interval(std::move(means)),
                  .p50_ratio = ordeal::perf::median_interval(std::move(medians))};
}

// One line for each feature: how often it fired, and whether that is once for each call.
bool report_firing(const op::Pool& pool, const Tally& tally, const op::Metrics& metrics,
                   const op::Reporter& reporter, std::uint64_t calls, nlohmann::json& json) {
  bool all = true;
  const auto line = [&](const char* feature, std::uint64_t count, std::uint64_t wanted) {
    fmt::print("  {:<34} {:>8}{}\n", feature, count, count >= wanted ? "" : "   DID NOT FIRE");
    json[feature] = count;
    all = all && count >= wanted;
  };
  auto counts = tally.counts();
  const op::Status status = pool.status();
  const auto info = pool.session("bench").info();
  const std::string text = metrics.text(status);
  line("sink: requests resolved", counts["request_resolved"], calls);
  line("sink: worker transitions", counts["worker_transition"], 2 * calls);
  line("session: operations counted", info ? info->operations : 0, calls);
  line("affinity: by the session's worker", status.affinity.hits, calls - 1);
  line("breaker: circuits keyed", status.breakers.size(), 1);
  line("metrics: bytes of exposition", text.size(), 1000);
  line("reporter: requests seen", reporter.stats().requests, calls);
  return all;
}

int run(const BenchOptions& bench) {
  const ordeal::perf::Pinning pinning{true};
  Tally tally;
  op::Metrics metrics{"bench"};
  auto reporter = op::Reporter::start({}, {});
  if (!reporter) return 1;
  auto with = op::Pool::start(ordeal::perf::features_on(bench.worker),
                              {tally.sink(), metrics.sink(), reporter->sink()});
  auto without = op::Pool::start(ordeal::perf::features_off(bench.worker));
  if (!with || !without) {
    fmt::print(stderr, "{}\n", (with ? without : with).error().message);
    return 1;
  }
  const std::string args = R"({"payload":")" + std::string(bench.payload_bytes, 'x') + R"("})";
  const std::string same_args = args.substr(0, args.size() - 1) + R"(,"session_id":"bench"})";
  op::Session session = with->session("bench");
  std::uint64_t calls = 0;
  const Call on = [&] {
    ++calls;
    return session.call("echo", op::JsonText{args}, {.idempotent = true});
  };
  const Call off = [&] { return without->call("echo", op::JsonText{same_args}); };
  const Call off_and_shorter = [&] { return without->call("echo", op::JsonText{args}); };
  const auto measured = measure(on, off, bench);
  const auto beside = measure(on, off_and_shorter, bench);
  if (!measured || !beside) {
    fmt::print(stderr, "{}\n", (measured ? beside : measured).error().message);
    return 1;
  }
  (void)with->stop(std::chrono::seconds{5});  // every event has been delivered
  const auto row = [](const char* name, const Summary& s) {
    fmt::print("  {:<8} mean {:8.2f}  p50 {:8.2f}  p90 {:8.2f}  p99 {:8.2f}  µs\n", name, s.mean_us,
               s.p50_us, s.p90_us, s.p99_us);
  };
  fmt::print("all features on / all off, pinned ({} pairs of {} calls, echo of {} bytes)\n",
             bench.pairs, bench.calls_per_block, bench.payload_bytes);
  row("on", measured->on);
  row("off", measured->off);
  fmt::print("  p50      on / off {:.3f}  [{:.3f}, {:.3f}]\n", measured->p50_ratio.median,
             measured->p50_ratio.low, measured->p50_ratio.high);
  fmt::print("  mean     on / off {:.3f}  [{:.3f}, {:.3f}]\n", measured->mean_ratio.median,
             measured->mean_ratio.low, measured->mean_ratio.high);
  fmt::print("  p50      on / off {:.3f}  [{:.3f}, {:.3f}]  if off's worker hears of no session\n",
             beside->p50_ratio.median, beside->p50_ratio.low, beside->p50_ratio.high);
  nlohmann::json json{{"calls", calls},
                      {"p50_on_us", measured->on.p50_us},
                      {"p50_off_us", measured->off.p50_us},
                      {"p50_ratio", measured->p50_ratio.median},
                      {"p50_ratio_low", measured->p50_ratio.low},
                      {"p50_ratio_high", measured->p50_ratio.high},
                      {"mean_ratio", measured->mean_ratio.median},
                      {"p50_ratio_no_session_told", beside->p50_ratio.median}};
  fmt::print("fired, in {} calls:\n", calls);
  const bool fired = report_firing(*with, tally, metrics, *reporter, calls, json["fired"]);
  if (!bench.json_file.empty()) std::ofstream{bench.json_file} << json.dump(2) << '\n';
  return fired ? 0 : 1;
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

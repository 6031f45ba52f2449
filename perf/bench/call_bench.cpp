#include "perf/bench/call_bench.hpp"

#include <sched.h>

#include <chrono>
#include <functional>

#include "ordeal/pool/pool.hpp"
#include "perf/bench/raw_pipe.hpp"

namespace ordeal::perf {
namespace {

using Clock = std::chrono::steady_clock;
using Call = std::function<pool::Result<std::size_t>()>;

// One CPU for this process and all it starts, until destroyed.
class Pinning {
 public:
  explicit Pinning(bool wanted) : wanted_(wanted) {
    if (!wanted_) return;
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~Pinning() {
    if (wanted_) sched_setaffinity(0, sizeof before_, &before_);
  }
  Pinning(const Pinning&) = delete;
  Pinning& operator=(const Pinning&) = delete;

 private:
  bool wanted_;
  cpu_set_t before_{};
};

pool::Result<std::vector<double>> time_block(const Call& call, std::uint32_t calls) {
  std::vector<double> latencies_us;
  latencies_us.reserve(calls);
  for (std::uint32_t i = 0; i < calls; ++i) {
    const auto begun = Clock::now();
    const auto result = call();
    const auto ended = Clock::now();
    if (!result) return tl::unexpected(result.error());
    latencies_us.push_back(std::chrono::duration<double, std::micro>(ended - begun).count());
  }
  return latencies_us;
}

struct Ratios {
  std::vector<double> mean;
  std::vector<double> p50;
  std::vector<double> p90;
  std::vector<double> p99;
  void add(const Summary& pool, const Summary& control) {
    mean.push_back(pool.mean_us / control.mean_us);
    p50.push_back(pool.p50_us / control.p50_us);
    p90.push_back(pool.p90_us / control.p90_us);
    p99.push_back(pool.p99_us / control.p99_us);
  }
};

}  // namespace

pool::Result<CallBenchResult> run_call_bench(const CallBenchOptions& options) {
  const Pinning pinning{options.pinned};
  pool::Options pool_options;
  pool_options.command = options.worker;
  pool_options.size = 1;
  pool_options.spin = options.spin;
  auto pool = pool::Pool::start(pool_options);
  if (!pool) return tl::unexpected(pool.error());
  auto control = RawPipe::start(options.worker);
  if (!control) return tl::unexpected(control.error());

  const std::string args = R"({"payload":")" + std::string(options.payload_bytes, 'x') + R"("})";
  const Call through_pool = [&]() -> pool::Result<std::size_t> {
    auto reply = pool->call("echo", pool::JsonText{args});
    if (!reply) return tl::unexpected(reply.error());
    return reply->result_text.size();
  };
  const Call through_control = [&] { return control->call("echo", args); };

  std::vector<double> all_pool;
  std::vector<double> all_control;
  Ratios ratios;
  for (const Call* call : {&through_pool, &through_control}) {
    if (auto warm = time_block(*call, options.warm_up_calls); !warm) {
      return tl::unexpected(warm.error());
    }
  }
  for (std::uint32_t pair = 0; pair < options.pairs; ++pair) {
    const bool pool_first = pair % 2 == 0;
    auto first = time_block(pool_first ? through_pool : through_control, options.calls_per_block);
    auto second = time_block(pool_first ? through_control : through_pool, options.calls_per_block);
    if (!first) return tl::unexpected(first.error());
    if (!second) return tl::unexpected(second.error());
    const std::vector<double>& mine = pool_first ? *first : *second;
    const std::vector<double>& raw = pool_first ? *second : *first;
    ratios.add(summarise(mine), summarise(raw));
    all_pool.insert(all_pool.end(), mine.begin(), mine.end());
    all_control.insert(all_control.end(), raw.begin(), raw.end());
  }
  return CallBenchResult{.pool = summarise(std::move(all_pool)),
                         .control = summarise(std::move(all_control)),
                         .mean_ratio = median_interval(std::move(ratios.mean)),
                         .p50_ratio = median_interval(std::move(ratios.p50)),
                         .p90_ratio = median_interval(std::move(ratios.p90)),
                         .p99_ratio = median_interval(std::move(ratios.p99))};
}

}  // namespace ordeal::perf

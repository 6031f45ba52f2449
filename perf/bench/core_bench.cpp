// The core's own cost: a grant and a check-in, as the hot path makes them, and what they allocate.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "pool/core/core.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 inlines the replaced operators and then finds that new and free do not match.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace ordeal::pool;

// A core with ready workers, and the bookkeeping that a runtime would do.
class Stage {
 public:
  explicit Stage(std::uint32_t size, bool guarded = false)
      : core_(options(size, guarded), 1), circuit_{0, guarded ? 1U : 0U} {
    feed(core::event::Opened{});
    for (std::uint32_t index = 0; index < size; ++index) {
      feed(core::event::WorkerReady{spawned_[index], 1});
    }
  }

  // Submit, grant, reply, resolve: one call as the core sees it.
  void call() {
    const core::TicketId ticket{.index = 0, .serial = ++serial_};
    feed(core::event::Submitted{
        .ticket = ticket, .deadline = now_ + std::chrono::seconds{60}, .circuit = circuit_});
    feed(core::event::ExchangeEnded{.ticket = ticket});
  }
  // The same in a session that keeps to its worker; 64 sessions take turns.
  void call_in_session() {
    const core::TicketId ticket{.index = 0, .serial = ++serial_};
    feed(core::event::Submitted{.ticket = ticket,
                                .deadline = now_ + std::chrono::seconds{60},
                                .session = static_cast<std::uint32_t>(serial_ % 64),
                                .affinity = AffinityPolicy::strict});
    feed(core::event::ExchangeEnded{.ticket = ticket});
  }

 private:
  static core::CoreOptions options(std::uint32_t size, bool guarded) {
    core::CoreOptions options;
    options.size = size;
    options.starts_parallel_max = size;
    options.breaker.enabled = guarded;
    return options;
  }
  void feed(const core::Event& event) {
    now_ += core::Duration{100};
    core_.handle_event(now_, event);
    while (const auto action = core_.poll_action()) {
      if (const auto* spawn = std::get_if<core::action::Spawn>(&*action)) {
        spawned_[spawn->worker.index] = spawn->worker;
      }
      benchmark::DoNotOptimize(*action);
    }
    benchmark::DoNotOptimize(core_.poll_timeout());
  }

  core::Core core_;
  core::CircuitId circuit_;
  core::Instant now_{std::chrono::seconds{1}};
  core::WorkerId spawned_[64];
  std::uint64_t serial_ = 0;
};

void grant_and_check_in(benchmark::State& state) {
  Stage stage{static_cast<std::uint32_t>(state.range(0))};
  for (int i = 0; i < 1000; ++i) stage.call();
  const std::uint64_t before = allocations.load();
  for (auto _ : state) stage.call();
  state.counters["allocations"] = static_cast<double>(allocations.load() - before);
}
BENCHMARK(grant_and_check_in)->Arg(1)->Arg(4)->Arg(32);

void grant_and_check_in_a_session(benchmark::State& state) {
  Stage stage{static_cast<std::uint32_t>(state.range(0))};
  for (int i = 0; i < 1000; ++i) stage.call_in_session();
  const std::uint64_t before = allocations.load();
  for (auto _ : state) stage.call_in_session();
  state.counters["allocations"] = static_cast<double>(allocations.load() - before);
}
BENCHMARK(grant_and_check_in_a_session)->Arg(1)->Arg(4)->Arg(32);

// The same, each call guarded by a circuit.
void grant_and_check_in_guarded(benchmark::State& state) {
  Stage stage{static_cast<std::uint32_t>(state.range(0)), true};
  for (int i = 0; i < 1000; ++i) stage.call();
  const std::uint64_t before = allocations.load();
  for (auto _ : state) stage.call();
  state.counters["allocations"] = static_cast<double>(allocations.load() - before);
}
BENCHMARK(grant_and_check_in_guarded)->Arg(1)->Arg(4)->Arg(32);

int check_allocations(bool guarded) {
  Stage stage{4, guarded};
  for (int i = 0; i < 1000; ++i) {
    stage.call();
    stage.call_in_session();
  }
  const std::uint64_t before = allocations.load();
  constexpr int calls = 100'000;
  for (int i = 0; i < calls; ++i) {
    stage.call();
    stage.call_in_session();
  }
  const std::uint64_t made = allocations.load() - before;
  std::printf("%llu allocations in %d calls%s, and as many in sessions\n",
              static_cast<unsigned long long>(made), calls,
              guarded ? ", each guarded by a circuit" : "");
  return made == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--check-allocations") == 0) {
    return check_allocations(false) + check_allocations(true);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

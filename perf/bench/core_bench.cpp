// The core's own cost: a grant and a check-in, as the hot path makes them, and what they allocate.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "perf/bench/core_stage.hpp"

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

using Stage = ordeal::perf::CoreStage;

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

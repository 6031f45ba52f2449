#include "perf/scenarios/control_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

namespace ordeal::perf {
namespace {

using Clock = std::chrono::steady_clock;

// The best of three: what the machine can do, not what came in between.
double best_ms(const std::function<void()>& block) {
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    const auto begun = Clock::now();
    block();
    const double taken = std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
    best = i == 0 ? taken : std::min(best, taken);
  }
  return best;
}

void spin() {
  std::uint64_t value = 1;
  for (int i = 0; i < 1'000'000; ++i)
    value = value * 6364136223846793005ULL + 1442695040888963407ULL;
  static std::atomic<std::uint64_t> kept{0};  // so that it is computed
  kept.store(value, std::memory_order_relaxed);
}

void ping_pong(int turns) {
  std::atomic<int> turn{0};
  std::jthread other{[&turn, turns] {
    for (int i = 0; i < turns; ++i) {
      turn.wait(2 * i);
      turn.store(2 * i + 2);
      turn.notify_one();
    }
  }};
  for (int i = 0; i < turns; ++i) {
    turn.store(2 * i + 1);
    turn.notify_one();
    turn.wait(2 * i + 1);
  }
}

}  // namespace

void add_control_blocks(std::vector<ControlBlock>& blocks, std::string_view when) {
  constexpr int turns = 100;
  static std::vector<char> from(4U << 20, 'x');
  static std::vector<char> to(4U << 20);
  const auto add = [&](const char* name, double value) {
    blocks.push_back({.name = fmt::format("{}_{}", name, when), .value = value});
  };
  add("spin", best_ms(spin));
  add("memcpy", best_ms([] { std::memcpy(to.data(), from.data(), from.size()); }));
  add("ping_pong", best_ms([] { ping_pong(turns); }) * 1000 / turns);
}

}  // namespace ordeal::perf

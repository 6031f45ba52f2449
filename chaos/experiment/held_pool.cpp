#include "chaos/experiment/held_pool.hpp"

#include <chrono>
#include <thread>

namespace ordeal::chaos {

namespace runtime = pool::runtime;

std::thread order_stop(const std::shared_ptr<HeldPool>& held,
                       std::chrono::steady_clock::time_point at, std::chrono::milliseconds grace) {
  return std::thread{[held, at, grace] {
    runtime::poll_until({}, runtime::to_instant(at));
    (void)held->pool->stop(grace);
  }};
}

bool stop_pool(const std::shared_ptr<HeldPool>& held, std::vector<std::thread> ordered) {
  constexpr std::chrono::milliseconds stop_max{15'000};
  std::thread stopper{[held, ordered = std::move(ordered)]() mutable {
    for (std::thread& stop : ordered) stop.join();
    (void)held->pool->stop(std::chrono::seconds{1});
    held->pool.reset();
    held->stopped.store(true);
    held->wake.notify();
  }};
  const runtime::Instant until = pool::core::after(runtime::now(), stop_max);
  while (true) {
    const std::uint32_t ticket = held->wake.ticket();
    if (held->stopped.load()) {
      stopper.join();
      return true;
    }
    if (runtime::now() >= until) {
      stopper.detach();
      return false;
    }
    held->wake.wait_until(until, ticket);
  }
}

}  // namespace ordeal::chaos

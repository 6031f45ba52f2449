// A core with ready workers, and the bookkeeping that a runtime would do: calls without processes.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

#include "pool/core/core.hpp"

namespace ordeal::perf {

class CoreStage {
 public:
  explicit CoreStage(std::uint32_t size, bool guarded = false)
      : core_(options(size, guarded), 1), circuit_{0, guarded ? 1U : 0U} {
    feed(pool::core::event::Opened{});
    for (std::uint32_t index = 0; index < size; ++index) {
      feed(pool::core::event::WorkerReady{spawned_[index], 1});
    }
  }

  // Submit, grant, reply, resolve: one call as the core sees it.
  void call() {
    const pool::core::TicketId ticket{.index = 0, .serial = ++serial_};
    feed(pool::core::event::Submitted{
        .ticket = ticket, .deadline = now_ + std::chrono::seconds{60}, .circuit = circuit_});
    feed(pool::core::event::ExchangeEnded{.ticket = ticket});
  }
  // The same in a session that keeps to its worker; 64 sessions take turns.
  void call_in_session() {
    const pool::core::TicketId ticket{.index = 0, .serial = ++serial_};
    feed(pool::core::event::Submitted{.ticket = ticket,
                                      .deadline = now_ + std::chrono::seconds{60},
                                      .session = static_cast<std::uint32_t>(serial_ % 64),
                                      .affinity = pool::AffinityPolicy::strict});
    feed(pool::core::event::ExchangeEnded{.ticket = ticket});
  }

 private:
  static pool::core::CoreOptions options(std::uint32_t size, bool guarded) {
    pool::core::CoreOptions options;
    options.size = size;
    options.starts_parallel_max = size;
    options.breaker.enabled = guarded;
    return options;
  }
  void feed(const pool::core::Event& event) {
    now_ += pool::core::Duration{100};
    core_.handle_event(now_, event);
    while (const auto action = core_.poll_action()) {
      if (const auto* spawn = std::get_if<pool::core::action::Spawn>(&*action)) {
        spawned_[spawn->worker.index] = spawn->worker;
      }
      benchmark::DoNotOptimize(*action);
    }
    benchmark::DoNotOptimize(core_.poll_timeout());
  }

  pool::core::Core core_;
  pool::core::CircuitId circuit_;
  pool::core::Instant now_{std::chrono::seconds{1}};
  pool::core::WorkerId spawned_[64];
  std::uint64_t serial_ = 0;
};

}  // namespace ordeal::perf

// One destination of alerts: its thread, and the bounded queue before it.
//
// Invariants:
//   (1) offer() never waits for the destination, whatever that does.
//   (2) At most one alert is being delivered; they come in the order of the offers.
//   (3) offered = delivered + failed + dropped + waiting + being delivered, until a reset_stats().
// Thread-safe, but that close() is called from one thread, and before destruction.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "ordeal/pool/reporter.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::observe {

class Outlet {
 public:
  explicit Outlet(AlertDestination destination);
  ~Outlet() { close(runtime::now()); }
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;

  void offer(const Alert& alert);
  // From here on what is offered is dropped; what waits is still delivered.
  void begin_close();
  // Drops what still waits at `deadline`; what is being delivered then is awaited. Idempotent.
  void close(runtime::Instant deadline);
  [[nodiscard]] Reporter::DestinationStats stats() const;
  Reporter::DestinationStats reset_stats();  // returns them, and counts from zero

 private:
  void run();

  const AlertDestination destination_;
  mutable std::mutex mutex_;
  std::deque<Alert> waiting_;
  std::uint64_t delivered_ = 0;
  std::uint64_t failed_ = 0;
  std::string last_failure_;
  std::uint64_t dropped_ = 0;
  bool closing_ = false;
  bool done_ = false;
  runtime::WakeWord work_;
  runtime::WakeWord ended_;
  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace ordeal::pool::observe

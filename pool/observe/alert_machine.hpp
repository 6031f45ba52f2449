// The rules of the reporter: events in, alerts out. Pure: time is PoolEvent::at.
//
//     quiet ──rate >= warn──▶ warning ──rate >= critical──▶ critical
//       ▲                       │  ▲                           │
//       └──── rate < warn ──────┘  └── critical > rate >= warn ┘
//
// Invariants:
//   (1) Both successes and errors enter the window; what the caller or a stop called off enters
//       neither (cancelled, stopped): it says nothing of the pool's health.
//   (2) No verdict on fewer than requests_min requests: then neither alert nor recovery.
//   (3) Between two alerts of one kind lies at least the cooldown, but that each circuit that opens
//       is told. What was held back is counted, and told after the cooldown if it is still true.
//   (4) "Recovered" comes once, only if its trouble was told, and when the rate is below warn (or
//       fewer than circuits_open_max are open).
//   (5) Memory is bounded: buckets, history_max, circuits_max.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ordeal/pool/reporter.hpp"
#include "pool/observe/sliding_window.hpp"

namespace ordeal::pool::observe {

class AlertMachine {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t circuits_max = 1024;  // open at once; further ones are not told

  // REQUIRES: the rules are valid.
  explicit AlertMachine(const AlertRules& rules) : rules_(rules), window_(rules.window) {}

  // What is to be told because of the event, in order.
  [[nodiscard]] std::vector<Alert> feed(const PoolEvent& event);
  // What feed() makes of a circuit's event.
  [[nodiscard]] std::vector<Alert> circuit(TimePoint at, const std::string& name, bool open);

  [[nodiscard]] const std::deque<Alert>& history() const { return history_; }
  [[nodiscard]] Reporter::Stats stats() const;  // without destinations
  // Returns them, and counts from zero. What the rules go by and the history stay.
  Reporter::Stats reset_stats();

 private:
  struct Told {
    bool told = false;  // and not yet recovered
    std::optional<TimePoint> last;
  };
  void judge_rate(TimePoint at, std::vector<Alert>& alerts);
  void judge_circuits(TimePoint at, std::vector<Alert>& alerts);
  void change_circuit(TimePoint at, const std::string& name, bool open, std::vector<Alert>& alerts);
  // `newly`: the trouble has just come, so holding it back counts.
  // `message()` is made up only if it is told: these are asked at every event.
  template <typename Message>
  void raise(AlertKind kind, TimePoint at, bool newly, const Message& message,
             std::vector<Alert>& alerts);
  template <typename Message>
  void recover(AlertKind kind, TimePoint at, const Message& message, std::vector<Alert>& alerts);
  void tell(Alert alert, std::vector<Alert>& alerts);
  [[nodiscard]] std::string rate_text() const;
  [[nodiscard]] Told& told(AlertKind kind) { return told_[static_cast<std::size_t>(kind)]; }

  const AlertRules rules_;
  SlidingWindow window_;
  std::set<std::string> open_;
  std::array<Told, alert_kind_count> told_;
  std::array<bool, alert_kind_count> true_now_{};
  std::deque<Alert> history_;
  struct Counts {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    std::uint64_t alerts = 0;
    std::uint64_t suppressed = 0;
  } counts_;
};

}  // namespace ordeal::pool::observe

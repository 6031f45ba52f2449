// Tells somebody when a pool is in trouble: too many errors, circuits open; and when it is over.
//
//     auto reporter = Reporter::start({}, {alert_log(spdlog::default_logger())});
//     auto pool = Pool::start(options, {reporter->sink()});
//
// The rules are pure: they see events and their instants, no clock. An alert holds figures and
// names of kinds and circuits, never a request's arguments or result. Each destination has a thread
// and a bounded queue of its own, so one that is slow, hangs or throws delays neither the pool nor
// another destination; what it misses is counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/events.hpp"

namespace spdlog {
class logger;
}

namespace ordeal::pool {

enum class AlertKind : std::uint8_t {
  error_rate_warning,   // error_rate_warn reached
  error_rate_critical,  // error_rate_critical reached
  circuit_opened,       // one opened: a breaker's, or the start circuit
  circuits_open,        // so many are open that it is more than one command's trouble
  test,                 // send_test_alert(): nothing is wrong
};
inline constexpr std::size_t alert_kind_count = 5;
[[nodiscard]] std::string_view to_string(AlertKind kind);

struct Alert {
  AlertKind kind{};
  bool recovered = false;  // the trouble is over
  std::chrono::steady_clock::time_point at;
  std::uint64_t requests = 0;  // error rates: resolved within the window
  std::uint64_t errors = 0;    // of them
  std::uint32_t circuits = 0;  // open now
  std::string circuit;         // circuit_opened: "start", or "breaker " and its key
  std::string message;         // "error rate 25.0 % (5 of 20 requests in 60 s) reached 10.0 %"
  friend bool operator==(const Alert&, const Alert&) = default;
};

// "recovered", "critical" (error_rate_critical, circuits_open, the start circuit), "warning" or
// "test".
[[nodiscard]] std::string_view level_of(const Alert& alert);

// One JSON object, no line break: time, at_ns, alert, level, circuit if it is about one, requests,
// errors, circuits, message.
[[nodiscard]] std::string to_json_line(const Alert& alert,
                                       std::chrono::system_clock::time_point time);

struct AlertRules {
  std::uint32_t warn_permille = 50;       // of resolved requests that are errors; 1 to 1000
  std::uint32_t critical_permille = 100;  // at least warn_permille
  std::uint32_t requests_min = 10;        // fewer in the window: no verdict
  std::chrono::milliseconds window{60'000};
  std::uint32_t circuits_open_max = 3;          // so many open ones are an alert of their own
  std::chrono::milliseconds cooldown{300'000};  // between two alerts of one kind
  std::uint32_t history_max = 50;

  // Errors: invalid_option, "alert rule warn_permille: 0 is out of range, allowed 1 to 1000".
  [[nodiscard]] Result<void> validate() const;
  // From a command line: "window_ms=30000". Errors: invalid_option.
  [[nodiscard]] Result<void> set(std::string_view name, std::string_view value);
};

// Where alerts go. Runs on a thread of its own, one alert at a time; may throw.
struct AlertDestination {
  std::string name;  // in the statistics
  std::function<void(const Alert&)> deliver;
};

// As a log line: warning `warn`, critical `critical`, recovered and test `info`.
[[nodiscard]] AlertDestination alert_log(std::shared_ptr<spdlog::logger> logger);
// As JSON lines, appended to a file that is its owner's alone (0600). Errors: as json_lines_sink.
// For a callback of your own, write {"pager", [](const Alert& alert) { ... }}.
[[nodiscard]] Result<AlertDestination> alert_lines(const std::string& path);
// To a program, run once for each alert with to_json_line() on its stdin; it has failed unless it
// exits with 0. After `time_max` it is killed, with all it started; what it leaves running when it
// exits is killed, too. It gets the variables of the host that workers get by default, and no other
// descriptor than 0, 1 and 2. A name without '/' is searched along PATH. Errors: invalid_option.
[[nodiscard]] Result<AlertDestination> alert_command(
    std::vector<std::string> command,
    std::chrono::milliseconds time_max = std::chrono::seconds{10});
// Thread-safe. The sink may outlive it: alerts then go nowhere.
class Reporter {
 public:
  static constexpr std::size_t queue_max = 64;  // alerts that wait for one destination

  struct DestinationStats {
    std::string name;
    std::uint64_t delivered = 0;
    std::uint64_t failed = 0;    // it threw
    std::uint64_t dropped = 0;   // its queue was full, or the reporter was closed
    std::string last_failure{};  // what it threw last
    friend bool operator==(const DestinationStats&, const DestinationStats&) = default;
  };
  struct Stats {
    std::uint64_t requests = 0;  // seen since the start, or the last reset_stats()
    std::uint64_t errors = 0;
    std::uint64_t window_requests = 0;
    std::uint64_t window_errors = 0;
    std::uint32_t circuits_open = 0;
    std::uint64_t alerts = 0;
    std::uint64_t suppressed = 0;  // by the cooldown
    std::vector<DestinationStats> destinations;
  };

  // Errors: invalid_option.
  [[nodiscard]] static Result<Reporter> start(const AlertRules& rules,
                                              std::vector<AlertDestination> destinations);
  Reporter(Reporter&&) noexcept;
  Reporter& operator=(Reporter&&) noexcept;
  ~Reporter();  // close(close_patience)
  static constexpr std::chrono::milliseconds close_patience{5000};

  [[nodiscard]] Sink sink() const;
  [[nodiscard]] Stats stats() const;
  // Returns them, and counts from zero in the same breath: of two reports no event is in both, and
  // none in neither. What the rules go by (the window, open circuits, cooldowns) stays, and so does
  // the history; no alert comes or goes of it.
  Stats reset_stats();
  [[nodiscard]] std::vector<Alert> history() const;  // the last history_max, oldest first
  // To all destinations, outside the rules: to see that they work.
  void send_test_alert();
  // Delivers what waits as long as `patience` allows; what is being delivered then is awaited.
  // Not from a destination. Later alerts are dropped, and counted.
  void close(std::chrono::milliseconds patience);

 private:
  struct State;
  explicit Reporter(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace ordeal::pool

// What only events tell, counted: by the rows of event_rows.hpp, and durations. Pure but for its
// lock: time is PoolEvent::at.
//
// Invariants: each metric has at most series_max combinations of labels; what comes beyond is
// counted under "other", and so are more commands than commands_max. Of callers' texts the commands
// alone are looked at.
// Thread-safe: note() on the callback thread, the rest on any.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "ordeal/pool/events.hpp"
#include "pool/observe/metrics/event_rows.hpp"
#include "pool/observe/metrics/histogram.hpp"
#include "pool/observe/metrics/request_times.hpp"

namespace ordeal::pool::observe {

class EventMetrics {
 public:
  static constexpr std::size_t series_max = 200;
  static constexpr std::size_t starts_max = 4096;
  static constexpr std::size_t commands_max = 50;

  using LabelValues = std::array<std::string, 3>;
  // Of one row: how often each combination of its labels has come.
  using Series = std::map<LabelValues, std::uint64_t>;

  void note(const PoolEvent& event);

  // Of one command's requests: from submit to outcome.
  struct CommandTimes {
    Histogram ok;
    Histogram error;
  };
  using Commands = std::map<std::string, CommandTimes, std::less<>>;

  // Runs `read` with everything as it is at one instant.
  struct View {
    const std::array<Series, event_rows.size()>& counted;   // as event_rows
    const std::array<Histogram, event_rows.size()>& timed;  // likewise; of those with `seconds`
    const RequestTimes& requests;
    const Histogram& worker_start;
    const Commands& commands;
  };
  void read(const std::function<void(const View&)>& read) const;

 private:
  void count(std::size_t row, const PoolEvent& event);
  void time_start(core::Occurrence what, const PoolEvent& event);
  void time_command(const PoolEvent& event);

  mutable std::mutex mutex_;
  std::array<Series, event_rows.size()> counted_;
  std::array<Histogram, event_rows.size()> timed_;
  RequestTimes requests_;
  std::map<std::uint64_t, std::chrono::steady_clock::time_point> starting_;  // by worker
  Histogram worker_start_;
  Commands commands_;
};

}  // namespace ordeal::pool::observe

// The run: lines in, requests to the pool, outcomes out, one poll() for everything.
//
//     starting --> running --> draining --> (done)
//                     \            \-second signal--> killed --> (done)
//                      \--end of input, nothing in flight--> (done)
//
// Back-pressure: a line is read only while fewer than in_flight_max requests are with the pool and
// the output's reader keeps up. So memory is bounded, whatever the input's size.
// Everything but the pool's callback (which fills Completions) runs on the thread of run().
#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ordeal/pool/events.hpp"
#include "ordeal/pool/migration.hpp"
#include "ordeal/pool/pool.hpp"
#include "pool/runtime/recent_latencies.hpp"
#include "pool/tools/completions.hpp"
#include "pool/tools/exit_code.hpp"
#include "pool/tools/line_reader.hpp"
#include "pool/tools/metrics_endpoint.hpp"
#include "pool/tools/operator_desk.hpp"
#include "pool/tools/output.hpp"
#include "pool/tools/progress.hpp"
#include "pool/tools/starting.hpp"
#include "pool/tools/status_server.hpp"
#include "pool/tools/stop_signals.hpp"

namespace ordeal::pool::tools {

struct RunSetup {
  Options options;
  std::uint32_t in_flight_max = 1;
  int input = 0;
  int output = 1;
  std::vector<Sink> sinks;  // see the pool's first event and its last
  std::optional<MigrationOptions> migration;
  std::function<void(const MigrationReport&)> on_migration_over;  // on the thread of run()
};

class RunLoop {
 public:
  // `metrics`: null if not asked for.
  RunLoop(RunSetup setup, const StopSignals& signals, StatusServer server,
          std::unique_ptr<MetricsEndpoint> metrics);
  [[nodiscard]] ExitCode run();

 private:
  enum class Stage : std::uint8_t {
    starting,
    running,
    draining,
    killed
  };
  using Clock = std::chrono::steady_clock;

  void poll_once();
  void submit_lines();
  void submit(const LineReader::Line& line);
  void finish(std::uint64_t line, std::string_view id, Result<Reply> result);
  void take_completions();
  void answer_operators();
  void take_pool();
  void take_migration();
  [[nodiscard]] int awaited() const;  // the descriptor of what is being started, or of outcomes
  void report_migration();
  void on_signal();
  void read_input();
  void write_output(short happened);
  void fail(ExitCode code, const std::string& message);  // an empty message says nothing
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool wants_input() const;
  [[nodiscard]] std::string snapshot() const;
  [[nodiscard]] std::optional<std::string> answer(std::uint64_t client,
                                                  const std::string& question);
  [[nodiscard]] ExitCode leave();

  RunSetup setup_;
  const StopSignals& signals_;
  StatusServer server_;
  Progress progress_;
  LineReader reader_;
  Output output_;
  Completions completions_;  // outlives the pool, whose callbacks fill it
  RecentEvents events_;      // likewise
  Counts counts_;
  runtime::RecentLatencies latencies_{1024};  // from submit to reply, for `top`
  Stage stage_ = Stage::starting;
  bool input_done_ = false;
  bool interrupted_ = false;
  bool abandoned_ = false;  // leave at once: the output is gone, or a third signal came
  std::optional<ExitCode> failure_;
  std::vector<pollfd> polled_;
  std::unique_ptr<Starting<Pool>> start_;
  std::optional<Pool> pool_;
  std::unique_ptr<Starting<Migration>> migration_start_;
  std::optional<Migration> migration_;        // uses the pool: ends before it
  std::unique_ptr<MetricsEndpoint> metrics_;  // shows the pool: ends before it
  OperatorDesk desk_{events_};                // likewise
};

}  // namespace ordeal::pool::tools

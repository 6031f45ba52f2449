#include "pool/tools/run_loop.hpp"

#include <unistd.h>

#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "pool/tools/ask_run.hpp"
#include "pool/tools/migration_report.hpp"
#include "pool/tools/outcome_line.hpp"
#include "pool/tools/request_line.hpp"
#include "pool/tools/status_report.hpp"

namespace ordeal::pool::tools {
namespace {

// Places in polled_; the status server's come after them.
enum Polled : std::size_t {
  at_signals,
  at_pool,
  at_input,
  at_output,
  at_desk,
  at_server
};

pollfd watched(int descriptor, int events) {
  return {.fd = descriptor, .events = static_cast<short>(events), .revents = 0};
}

std::string error_text(int error) { return std::generic_category().message(error); }

}  // namespace

RunLoop::RunLoop(RunSetup setup, const StopSignals& signals, StatusServer server,
                 std::unique_ptr<MetricsEndpoint> metrics)
    : setup_(std::move(setup)),
      signals_(signals),
      server_(std::move(server)),
      progress_(Clock::now()),
      reader_(setup_.input, setup_.options.frame_bytes_max),
      output_(setup_.output),
      metrics_(std::move(metrics)) {}

ExitCode RunLoop::run() {
  if (metrics_) progress_.say("metrics at " + metrics_->url());
  setup_.sinks.push_back(events_.sink());
  start_ = std::make_unique<Starting<Pool>>(
      [options = setup_.options, sinks = setup_.sinks] { return Pool::start(options, sinks); });
  while (!finished()) {
    poll_once();
    submit_lines();
  }
  return leave();
}

bool RunLoop::finished() const {
  if (abandoned_) return true;
  if (stage_ == Stage::starting) return false;
  const bool no_more = input_done_ || stage_ != Stage::running;
  return no_more && counts_.in_flight() == 0 && output_.empty();
}

bool RunLoop::wants_input() const {
  return stage_ == Stage::running && reader_.wants_more() &&
         counts_.in_flight() < setup_.in_flight_max && !output_.is_full();
}

void RunLoop::poll_once() {
  polled_.clear();
  polled_.push_back(watched(signals_.descriptor(), POLLIN));
  polled_.push_back(watched(awaited(), POLLIN));
  polled_.push_back(watched(wants_input() ? reader_.descriptor() : -1, POLLIN));
  // Watched even when there is nothing to write: a reader that goes away is noticed at once.
  polled_.push_back(watched(output_.descriptor(), output_.empty() ? 0 : POLLOUT));
  polled_.push_back(watched(desk_.descriptor(), POLLIN));
  server_.add_polled(polled_);
  const int ready = ::poll(polled_.data(), polled_.size(), server_.poll_timeout_ms(Clock::now()));
  if (ready < 0) {
    if (errno != EINTR) fail(ExitCode::input_output, "poll: " + error_text(errno));
    return;
  }
  if (polled_[at_signals].revents != 0) on_signal();
  if (polled_[at_pool].revents != 0) {
    if (start_) {
      take_pool();
    } else if (migration_start_) {
      take_migration();
    } else {
      take_completions();
    }
  }
  if (polled_[at_input].revents != 0) read_input();
  if (polled_[at_output].revents != 0) write_output(polled_[at_output].revents);
  server_.handle(std::span{polled_}.subspan(at_server), Clock::now(),
                 [this](std::uint64_t client, const std::string& question) {
                   return answer(client, question);
                 });
  if (polled_[at_desk].revents != 0) answer_operators();
}

void RunLoop::answer_operators() {
  for (OperatorDesk::Answered& answered : desk_.take()) {
    server_.reply(answered.client, std::move(answered.answer), Clock::now());
  }
}

// How the run is, it says at once; all else is the desk's.
std::optional<std::string> RunLoop::answer(std::uint64_t client, const std::string& question) {
  constexpr std::string_view status = ask_status;
  if (question == status.substr(0, status.size() - 1)) return snapshot();
  if (!pool_) {
    return operator_error(make_error(ErrorCode::workers_unavailable, "the pool is still starting"));
  }
  desk_.ask(client, question, *pool_);
  return std::nullopt;
}

void RunLoop::take_pool() {
  auto pool = start_->take();
  start_.reset();
  if (!pool) {
    const bool usage = pool.error().code == ErrorCode::invalid_option ||
                       pool.error().code == ErrorCode::not_built_yet;
    fail(usage ? ExitCode::usage : ExitCode::not_started,
         fmt::format("the pool could not start: {}", pool.error().message));
    return;
  }
  pool_.emplace(std::move(*pool));
  if (metrics_) metrics_->show(*pool_);
  if (!setup_.migration) {
    stage_ = Stage::running;
    return;
  }
  migration_start_ = std::make_unique<Starting<Migration>>(
      [this] { return Migration::start(*pool_, *setup_.migration); });
}

void RunLoop::take_migration() {
  auto migration = migration_start_->take();
  migration_start_.reset();
  if (!migration) {
    const bool usage = migration.error().code == ErrorCode::invalid_option;
    fail(usage ? ExitCode::usage : ExitCode::not_started,
         fmt::format("the new version could not start: {}", migration.error().message));
    return;
  }
  migration_.emplace(std::move(*migration));
  stage_ = Stage::running;
}

int RunLoop::awaited() const {
  if (start_) return start_->descriptor();
  return migration_start_ ? migration_start_->descriptor() : completions_.descriptor();
}

void RunLoop::submit_lines() {
  while (stage_ == Stage::running && !input_done_ && !abandoned_ &&
         counts_.in_flight() < setup_.in_flight_max && !output_.is_full()) {
    LineReader::Line line;
    if (!reader_.next(line)) {
      input_done_ = !reader_.wants_more();
      return;
    }
    if (line.too_long || !is_blank(line.text)) submit(line);
  }
}

void RunLoop::submit(const LineReader::Line& line) {
  ++counts_.lines;
  if (line.too_long) {
    const std::string message = fmt::format("line {} is longer than frame_bytes_max {}",
                                            line.number, setup_.options.frame_bytes_max);
    finish(line.number, {}, tl::unexpected(make_error(ErrorCode::request_too_large, message)));
    return;
  }
  RequestLine request;
  if (auto parsed = parse_request_line(line.text, request); !parsed) {
    Error error = std::move(parsed.error());
    error.message = fmt::format("line {}: {}", line.number, error.message);
    finish(line.number, request.id, tl::unexpected(std::move(error)));
    return;
  }
  CallOptions options;
  if (request.deadline) options.deadline = *request.deadline;
  options.idempotent = request.idempotent;
  options.session = request.session;
  options.label = request.label;
  options.traceparent = request.traceparent;
  Pool::Callback done = [this, number = line.number,
                         id = request.id](Result<Reply> result) mutable {
    completions_.push({number, std::move(id), std::move(result)});
  };
  const JsonText arguments{request.args};
  auto ticket = migration_
                    ? migration_->call_async(request.command, arguments, options, std::move(done))
                    : pool_->call_async(request.command, arguments, options, std::move(done));
  if (!ticket) finish(line.number, request.id, tl::unexpected(std::move(ticket.error())));
}

void RunLoop::finish(std::uint64_t line, std::string_view id, Result<Reply> result) {
  if (result) latencies_.add(result->queued + result->service);
  const OutcomeLine made = make_outcome_line(line, id, std::move(result));
  counts_.count(made.outcome);
  output_.add(made.text);
}

void RunLoop::take_completions() {
  for (Completion& done : completions_.take()) {
    finish(done.line, done.id, std::move(done.result));
  }
  progress_.redraw(counts_, Clock::now());
}

void RunLoop::on_signal() {
  int count = signals_.take();
  if (count == 0) return;
  if (stage_ == Stage::starting) {
    // Pool::start cannot be interrupted. Nothing was submitted; the warden ends the workers of a
    // host that is gone.
    server_.close();
    if (start_) start_->abandon();
    if (migration_start_) migration_start_->abandon();
    progress_.say("interrupted before the pool was ready");
    ::_exit(static_cast<int>(ExitCode::interrupted));
  }
  interrupted_ = true;
  if (stage_ == Stage::running) {
    stage_ = Stage::draining;
    progress_.say(fmt::format("stopping; {} requests in flight; once more kills the workers",
                              counts_.in_flight()));
    --count;
  }
  if (count == 0) return;
  if (stage_ == Stage::killed) {
    abandoned_ = true;  // nobody reads the output
    return;
  }
  stage_ = Stage::killed;
  progress_.say("killing the workers");
  static_cast<void>(pool_->stop(std::chrono::milliseconds{0}));
}

void RunLoop::read_input() {
  if (const int error = reader_.read_once(); error != 0) {
    failure_ = ExitCode::input_output;
    progress_.say("input: " + error_text(error));
  }
}

void RunLoop::write_output(short happened) {
  int error = (happened & POLLNVAL) != 0 ? EBADF : 0;
  if (error == 0 && !output_.empty()) {
    error = output_.write_once();
  } else if (error == 0 && (happened & (POLLERR | POLLHUP)) != 0) {
    error = EPIPE;
  }
  // A reader that has seen enough is no news (`| head`); everything else is.
  if (error != 0) {
    fail(ExitCode::input_output, error == EPIPE ? "" : "output: " + error_text(error));
  }
}

void RunLoop::fail(ExitCode code, const std::string& message) {
  failure_ = code;
  abandoned_ = true;
  if (!message.empty()) progress_.say(message);
}

std::string RunLoop::snapshot() const {
  constexpr std::string_view stages[] = {"starting", "running", "draining", "killed"};
  const RunReport run{.pid = ::getpid(),
                      .stage = stages[static_cast<std::size_t>(stage_)],
                      .counts = counts_,
                      .elapsed = progress_.elapsed(Clock::now()),
                      .latency_p50 = latencies_.percentile(50),
                      .latency_p90 = latencies_.percentile(90),
                      .latency_p99 = latencies_.percentile(99)};
  return report_json(run, setup_.options, pool_ ? pool_->status() : Status{});
}

void RunLoop::report_migration() {
  if (!migration_) return;
  migration_->stop();
  const MigrationReport report = migration_->report();
  if (!is_alike(report)) failure_ = failure_.value_or(ExitCode::not_alike);
  for (const std::string& sentence : migration_sentences(report)) progress_.say(sentence);
  if (setup_.on_migration_over) setup_.on_migration_over(report);
}

ExitCode RunLoop::leave() {
  server_.close();
  if (!pool_) return *failure_;
  report_migration();
  const auto grace = abandoned_ ? std::chrono::milliseconds{0} : setup_.options.stop_grace;
  const auto elapsed = progress_.elapsed(Clock::now());
  static_cast<void>(pool_->stop(grace));
  desk_.finish();
  if (!abandoned_) progress_.say(summary(counts_, elapsed, pool_->status()));
  if (stage_ == Stage::killed) return ExitCode::killed;
  if (failure_) return *failure_;
  if (interrupted_) return ExitCode::interrupted;
  return counts_.failed + counts_.indeterminate > 0 ? ExitCode::requests_failed : ExitCode::ok;
}

}  // namespace ordeal::pool::tools

#include "testing/contract/reference_pool.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "ordeal/pool/pool.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/recorded/recorded_run.hpp"

namespace ordeal::trial {

pool::Options with_setup(pool::Options options, const Setup& setup) {
  options.size = setup.size;
  options.overflow = setup.overflow;
  options.queue_max = setup.queue_max;
  options.quarantine_grace = setup.late_reply_grace;
  options.affinity_wait = setup.affinity_wait;
  options.start_timeout = setup.start_timeout;
  options.start_failures_max = setup.start_failures_max;
  options.start_backoff_base = milliseconds{5};
  options.start_backoff_max = milliseconds{50};
  options.ask_grace = ample;
  options.call_timeout = ample;
  options.stop_grace = milliseconds{0};
  options.retry.poison_deaths_max = setup.poison_deaths_max;
  options.retry.budget_max = setup.retry_budget;
  options.retry.budget_percent = 0;
  options.retry.budget_per_second = 0;
  options.seed = 1;
  if (setup.breaker) {
    options.breaker.enabled = true;
    options.breaker.key = pool::BreakerKey::call;
    options.breaker.failures = setup.breaker->failures;
    options.breaker.successes = setup.breaker->successes;
    options.breaker.half_open_max = setup.breaker->half_open_max;
    options.breaker.open = setup.breaker->open;
    options.breaker.open_max = std::max(setup.breaker->open, options.breaker.open_max);
  }
  // A pool whose starts go wrong has nothing to wait for.
  if (setup.starts.how != Starts::How::fine) options.await_ready = pool::AwaitReady::none;
  return options;
}

pool::RetryPolicy policy_of(const TrialRequest& request) {
  return {.max_retries = request.retries,
          .backoff = pool::Backoff::constant,
          .jitter_percent = 0,
          .base_delay = request.retry_delay,
          .max_delay = request.retry_delay};
}

namespace {

// A file of its own for each pool that counts its starts.
std::string fresh_state_file(const std::string& folder) {
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("{}/starts-{}-{}", folder, ::getpid(), count.fetch_add(1));
}

std::vector<std::string> flags_of(const Starts& starts, const std::string& state_file) {
  switch (starts.how) {
    case Starts::How::fine:
      return {};
    case Starts::How::fail_first:
      return {"--start-fail", std::to_string(starts.count), "--start-state", state_file};
    case Starts::How::fail:
      return {"--start-fail", "always"};
    case Starts::How::hang:
      return {"--start-hang"};
    case Starts::How::garbage:
      return {"--start-garbage"};
  }
  return {};
}

TrialOutcome as_outcome(pool::Result<pool::Reply> result) {
  if (result) {
    return {.attempts = result->attempts,
            .reply = std::move(result->result_text),
            .worker = result->worker};
  }
  const pool::Error& error = result.error();
  return {.code = std::string{pool::to_string(error.code)},
          .category = std::string{pool::to_string(error.category())},
          .indeterminate = error.certainty() == pool::Certainty::indeterminate,
          .attempts = error.attempts,
          .message = error.message,
          .worker = error.worker.value_or(0)};
}

class ReferencePool final : public PoolUnderTest {
 public:
  ReferencePool(pool::Options base, const std::string& folder)
      : base_(std::move(base)), state_file_(fresh_state_file(folder)) {}
  ~ReferencePool() override {
    if (stopper_.joinable()) stopper_.join();
    pool_.reset();  // no worker counts its start any more
    ::unlink(state_file_.c_str());
  }

  [[nodiscard]] std::vector<Capability> capabilities() const override { return all_capabilities(); }

  std::string start(const Setup& setup, OnTold on_told) override {
    pool::Options options = with_setup(base_, setup);
    for (std::string& flag : flags_of(setup.starts, state_file_)) {
      options.command.push_back(std::move(flag));
    }
    auto started = pool::Pool::start(recorded(std::move(options)),
                                     {[this, on_told](const pool::PoolEvent& event) {
                                       if (event.label.empty()) return;
                                       if (event.what == "request_submitted")
                                         note_known(event.label);
                                       on_told(std::string{event.what}, event.label);
                                     }});
    if (!started) return started.error().message;
    pool_.emplace(std::move(*started));
    return {};
  }

  std::uint64_t submit(const TrialRequest& request, OnOutcome on_outcome) override {
    const pool::CallOptions options{
        .deadline = request.deadline,
        .idempotent = request.idempotent,
        .retry = request.retries > 0 ? std::optional{policy_of(request)} : std::nullopt,
        .breaker_key = request.breaker_key,
        .session = request.session,
        .affinity = request.session.empty() ? std::nullopt : std::optional{request.affinity},
        .state_in_worker = request.state_in_worker,
        .label = request.name};
    auto ticket = pool_->call_async(
        request.command, pool::JsonText{request.arguments}, options,
        [this, on_outcome, name = request.name](pool::Result<pool::Reply> result) {
          on_outcome(as_outcome(std::move(result)));
          note_known(name);
        });
    if (!ticket) {
      on_outcome(as_outcome(tl::unexpected(ticket.error())));
      return 0;
    }
    tickets_.push_back(*ticket);
    // A session's store is asked first; a scenario's order is that of the calls in the pool's
    // hands.
    if (!request.session.empty()) await_known(request.name);
    return tickets_.size();
  }

  void cancel(std::uint64_t ticket) override {
    if (ticket != 0 && ticket <= tickets_.size()) tickets_[ticket - 1].cancel();
  }

  void stop(milliseconds grace, std::function<void()> stopped) override {
    if (!pool_) return stopped();
    stopper_ = std::thread{[this, grace, stopped = std::move(stopped)] {
      (void)pool_->stop(grace);
      stopped();
    }};
  }

  std::optional<TrialCounts> counts() override {
    const pool::Status s = pool_->status();
    return TrialCounts{.submitted = s.submitted,
                       .ok = s.ok,
                       .timed_out = s.timed_out,
                       .rejected = s.rejected,
                       .cancelled = s.cancelled,
                       .failed = s.failed,
                       .retries = s.retries,
                       .workers_lost = s.workers_lost,
                       .late_replies_drained = s.late_replies_drained};
  }

  std::string describe() override {
    if (!pool_) return {};
    const pool::Status s = pool_->status();
    return fmt::format(" (idle {}, busy {}, starting {}, degraded {}, terminating {}, queued {})",
                       s.idle, s.busy, s.starting, s.degraded, s.terminating, s.queue_depth);
  }

 private:
  void note_known(const std::string& name) {
    {
      const std::lock_guard lock{mutex_};
      known_.insert(name);
    }
    changed_.notify();
  }

  void await_known(const std::string& name) {
    while (true) {
      const std::uint32_t ticket = changed_.ticket();
      {
        const std::lock_guard lock{mutex_};
        if (known_.contains(name)) return;
      }
      changed_.wait_until(pool::core::never, ticket);
    }
  }

  const pool::Options base_;
  const std::string state_file_;
  std::mutex mutex_;
  std::set<std::string> known_;  // to the pool; guarded by mutex_
  pool::runtime::WakeWord changed_;
  std::optional<pool::Pool> pool_;
  std::vector<pool::Ticket> tickets_;
  std::thread stopper_;
};

}  // namespace

std::shared_ptr<PoolUnderTest> make_reference_pool(pool::Options base,
                                                   const std::string& state_folder) {
  return std::make_shared<ReferencePool>(std::move(base), state_folder);
}

}  // namespace ordeal::trial

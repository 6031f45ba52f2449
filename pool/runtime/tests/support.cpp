#include "pool/runtime/tests/support.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "pool/runtime/proc.hpp"
#include "testing/leaks/leak_listener.hpp"
#include "testing/recorded/recorded_run.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool {

Options script_options(std::uint32_t size, const std::string& script,
                       const std::vector<std::string>& arguments) {
  Options options;
  options.command = {TEST_PYTHON, script};
  options.command.insert(options.command.end(), arguments.begin(), arguments.end());
  options.environment[std::string{trial::test_id_variable}] = trial::test_id();
  options.environment["PYTHONDONTWRITEBYTECODE"] = "1";
  options.size = size;
  options.frame_bytes_max = 4U << 20U;
  options.start_timeout = patience;
  options.quarantine_grace = 200ms;
  options.ask_grace = 2s;
  options.terminate_grace = 200ms;
  options.start_backoff_base = 10ms;
  options.start_backoff_max = 100ms;
  options.call_timeout = patience;
  options.stop_grace = 0ms;
  return options;
}

Options forked(Options options) {
  options.fork_template = true;
  auto& command = options.command;
  for (auto at = command.begin(); at != command.end();) {
    const bool names_worker = *at == "--worker-id" || *at == "{worker_id}";
    at = names_worker ? command.erase(at) : at + 1;
  }
  return options;
}

Options mock_options(std::uint32_t size, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments{"--mode", "pool-worker", "--worker-id", "{worker_id}",
                                     "--faults"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Options options = script_options(size, PYTHON_MOCK "/mock_bridge.py", arguments);
  // Of site-packages it needs nothing, and to look for them takes a tenth of its start.
  options.command.insert(options.command.begin() + 1, "-S");
  return std::getenv("ORDEAL_TEST_TEMPLATE") == nullptr ? options : forked(std::move(options));
}

Options recorded(Options options) { return trial::recorded(std::move(options)); }

Pool must_start(const Options& options) {
  auto pool = Pool::start(recorded(options));
  if (!pool) {
    ADD_FAILURE() << "the pool does not start: " << to_string(pool.error().code) << ": "
                  << pool.error().message;
    std::abort();
  }
  return std::move(*pool);
}

bool wait_until(Pool& pool, const std::function<bool(const Status&)>& predicate,
                milliseconds wait_max) {
  const runtime::Instant deadline = runtime::now() + wait_max;
  runtime::WakeWord happened;
  const Subscription subscription = pool.subscribe([&](const PoolEvent&) { happened.notify(); });
  while (true) {
    const std::uint32_t ticket = happened.ticket();
    if (predicate(pool.status())) return true;
    if (runtime::now() >= deadline) return false;
    happened.wait_until(deadline, ticket);
  }
}

bool is_whole(const Status& status) {
  return status.idle == status.size && status.starting == 0 && status.busy == 0 &&
         status.degraded == 0 && status.terminating == 0 && status.queue_depth == 0;
}

void expect_sum(const Status& s) {
  EXPECT_EQ(s.submitted, s.ok + s.failed + s.timed_out + s.rejected + s.shed + s.cancelled +
                             s.queue_depth + s.running + s.backing_off)
      << describe(s);
}

void expect_whole(Pool& pool) {
  if (!wait_until(pool, is_whole)) {
    ADD_FAILURE() << "not whole in time: " << describe(pool.status());
    return;
  }
  const std::uint32_t size = pool.status().size;
  std::vector<Lease> leases;
  for (std::uint32_t i = 0; i < size; ++i) {
    auto lease = pool.checkout({.deadline = patience});
    if (!lease) {
      ADD_FAILURE() << "a whole pool gives no worker: " << lease.error().message;
      return;
    }
    const std::string nonce = fresh_nonce();
    const auto reply = lease->call("echo", Json{{"nonce", nonce}}, {.deadline = patience});
    if (!reply) {
      ADD_FAILURE() << "a worker of a whole pool does not answer: " << describe(reply);
    } else {
      EXPECT_EQ(reply->json()->at("nonce"), nonce);
    }
    leases.push_back(std::move(*lease));
  }
  leases.clear();
  const Status status = pool.status();
  expect_sum(status);
  EXPECT_EQ(status.running, 0U);
  EXPECT_EQ(status.idle, size);
}

std::string describe(const Status& s) {
  std::string text = fmt::format(
      "size {} starting {} idle {} busy {} degraded {} terminating {} queued {} running {}; "
      "submitted {} ok {} failed {} timed_out {} rejected {} cancelled {}; spawns {} "
      "start_failures {} workers_lost {} drained {} requeued {}",
      s.size, s.starting, s.idle, s.busy, s.degraded, s.terminating, s.queue_depth, s.running,
      s.submitted, s.ok, s.failed, s.timed_out, s.rejected, s.cancelled, s.spawns, s.start_failures,
      s.workers_lost, s.late_replies_drained, s.requeued);
  for (const WorkerStatus& worker : s.workers) {
    text += fmt::format("\n  worker {} pid {} {} served {}", worker.worker, worker.pid,
                        worker.state, worker.served);
  }
  return text;
}

std::set<std::uint64_t> serials(const Status& status) {
  std::set<std::uint64_t> found;
  for (const WorkerStatus& worker : status.workers) found.insert(worker.worker);
  return found;
}

EventsOf::EventsOf(Pool& pool, std::string what)
    : what_(std::move(what)), subscription_(pool.subscribe([this](const PoolEvent& event) {
        if (event.what != what_) return;
        {
          const std::lock_guard lock{mutex_};
          reasons_.emplace_back(event.reason);
        }
        last_code_ = event.code;
        count_.fetch_add(1);
        word_.notify();
      })) {}

bool EventsOf::reaches(std::uint64_t count, milliseconds wait_max) const {
  const runtime::Instant deadline = runtime::now() + wait_max;
  while (true) {
    const std::uint32_t ticket = word_.ticket();
    if (count_.load() >= count) return true;
    if (runtime::now() >= deadline) return false;
    word_.wait_until(deadline, ticket);
  }
}

std::vector<std::string> EventsOf::reasons() const {
  const std::lock_guard lock{mutex_};
  return reasons_;
}

bool Signal::wait(milliseconds wait_max) {
  const runtime::Instant deadline = runtime::now() + wait_max;
  trial::declare_deadline(deadline);
  while (true) {
    const std::uint32_t ticket = word_.ticket();
    if (is_set()) return true;
    if (runtime::now() >= deadline) return false;
    word_.wait_until(deadline, ticket);
  }
}

Caller::Caller(Pool& pool, std::string command, Json arguments, CallOptions options)
    : thread_([this, &pool, command = std::move(command), arguments = std::move(arguments),
               options = std::move(options)] {
        thread_id_ = gettid();
        const auto begun = steady_clock::now();
        result_ = pool.call(command, arguments, options);
        took_ = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun);
      }) {}

const Result<Reply>& Caller::join() {
  if (thread_.joinable()) thread_.join();
  return result_;
}

milliseconds Caller::took() {
  join();
  return took_;
}

void Caller::await_sleep() const { await_sleep_of(thread_id_); }

std::string fresh_nonce() {
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("nonce {} of {}", count.fetch_add(1), trial::test_id());
}

::testing::AssertionResult echoes(Pool& pool, const CallOptions& options) {
  const std::string nonce = fresh_nonce();
  const auto reply = pool.call("echo", Json{{"nonce", nonce}}, options);
  if (!reply) return ::testing::AssertionFailure() << describe(reply);
  if (reply->result_text.find(nonce) == std::string::npos) {
    return ::testing::AssertionFailure()
           << "mixed up: sent " << nonce << ", got " << reply->result_text;
  }
  return ::testing::AssertionSuccess();
}

std::string describe(const Result<Reply>& result) {
  if (result) return "ok: " + result->result_text.substr(0, 200);
  const Error& error = result.error();
  std::string text = std::string{to_string(error.code)} + ": " + error.message;
  if (!error.excerpt.empty()) text += " [excerpt " + error.excerpt.substr(0, 100) + "]";
  if (error.certificate) text += " [certificate " + error.certificate->summary() + "]";
  return text;
}

ErrorCode code_of(const Result<Reply>& result) {
  return result ? ErrorCode::none : result.error().code;
}

std::uint64_t draw_seed() {
  if (const char* given = std::getenv("ORDEAL_SEED")) return std::strtoull(given, nullptr, 0);
  return static_cast<std::uint64_t>(steady_clock::now().time_since_epoch().count());
}

void await_sleep_of(const std::atomic<int>& thread) {
  while (thread == 0 ||
         runtime::state_letter("/proc/self/task/" + std::to_string(thread) + "/stat") != 'S') {
    std::this_thread::yield();
  }
}

bool wait_readable(int descriptor, steady_clock::time_point at) {
  pollfd waited{.fd = descriptor, .events = POLLIN, .revents = 0};
  const std::size_t count = descriptor >= 0 ? 1 : 0;
  trial::declare_deadline(runtime::to_instant(at));
  return runtime::poll_until({&waited, count}, runtime::to_instant(at)) > 0;
}

}  // namespace ordeal::pool

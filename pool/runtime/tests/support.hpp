// What the tests of the whole pool share: a pool of mock workers, and waits that have an event and
// a deadline.
//
// Every program here links ordeal_trial_leak_check, so each test also says: nothing is left behind.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ordeal/pool/pool.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Json = nlohmann::json;

// Ample: a test that passes never waits so long.
inline constexpr milliseconds patience{10'000};

// Workers of python_mock/mock_bridge.py with the zoo. Graces are short, so that tests are. With
// ORDEAL_TEST_TEMPLATE in the test's environment they are forked().
[[nodiscard]] Options mock_options(std::uint32_t size, const std::vector<std::string>& flags = {});
// The same around another script, in its own words.
[[nodiscard]] Options script_options(std::uint32_t size, const std::string& script,
                                     const std::vector<std::string>& arguments = {});
// The same workers, forked from a warm template.
[[nodiscard]] Options forked(Options options);
// The run of this pool is recorded (its first 2 MiB), and when its test is over a fresh core
// decides it anew: the same actions, byte for byte, or the test fails. One run for each call.
[[nodiscard]] Options recorded(Options options);
// Pool::start, recorded, failing the test (and ending the program: nothing else makes sense) if it
// fails.
[[nodiscard]] Pool must_start(const Options& options);

// Whether `predicate` of the pool's status comes true in time. Looks again after each event of the
// pool; subscribes before it looks, so none is missed.
[[nodiscard]] bool wait_until(Pool& pool, const std::function<bool(const Status&)>& predicate,
                              milliseconds wait_max = patience);
// `size` workers are ready, and nothing is on its way.
[[nodiscard]] bool is_whole(const Status& status);
// Waits for that; checks the sum of all requests; lets each worker answer, and compares the answer.
void expect_whole(Pool& pool);
void expect_sum(const Status& status);
[[nodiscard]] std::string describe(const Status& status);
[[nodiscard]] std::set<std::uint64_t> serials(const Status& status);

// Something that happens in another thread, once, and can be waited for.
class Signal {
 public:
  void set() { word_.notify(); }
  [[nodiscard]] bool is_set() const { return word_.ticket() != 0; }
  [[nodiscard]] bool wait(milliseconds wait_max = patience);

 private:
  // The word alone says it: with a flag beside it, whoever saw the flag could destroy the word
  // while set() was still about to change it.
  runtime::WakeWord word_;
};

// The events of one kind: how many, what they said, and a wait for the n-th.
class EventsOf {
 public:
  EventsOf(Pool& pool, std::string what);
  [[nodiscard]] bool reaches(std::uint64_t count, milliseconds wait_max = patience) const;
  [[nodiscard]] std::uint64_t count() const { return count_.load(); }
  [[nodiscard]] ErrorCode last_code() const { return last_code_.load(); }
  [[nodiscard]] std::vector<std::string> reasons() const;

 private:
  const std::string what_;
  mutable std::mutex mutex_;
  std::vector<std::string> reasons_;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<ErrorCode> last_code_{};
  mutable runtime::WakeWord word_;
  Subscription subscription_;  // last: ends before what it writes to
};

// A call on a thread of its own. join() is bounded by the call's deadline.
class Caller {
 public:
  Caller(Pool& pool, std::string command, Json arguments, CallOptions options = {});
  ~Caller() { join(); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  const Result<Reply>& join();
  // Joins. How long the call took.
  [[nodiscard]] milliseconds took();
  // Until its thread sleeps in the kernel: with a worker at hand, until its request has been
  // written.
  void await_sleep() const;

 private:
  Result<Reply> result_{tl::unexpect, make_error(ErrorCode::none, "not yet")};
  milliseconds took_{};
  std::atomic<int> thread_id_{0};  // 0: has not begun
  std::thread thread_;
};

// A text that no other call of this program has.
[[nodiscard]] std::string fresh_nonce();
// Echoes a fresh nonce; whether the very same came back.
[[nodiscard]] ::testing::AssertionResult echoes(Pool& pool, const CallOptions& options = {});

// "call_timeout: worker 3 did not ..." or "ok: {...}", for messages.
[[nodiscard]] std::string describe(const Result<Reply>& result);
[[nodiscard]] ErrorCode code_of(const Result<Reply>& result);

// A number to draw from: ORDEAL_SEED, or a new one; printed by a failing test's trace.
[[nodiscard]] std::uint64_t draw_seed();

// Until that thread of this process, whose id is written there when it has begun, sleeps in the
// kernel.
void await_sleep_of(const std::atomic<int>& thread);

// Until `at`, or until `descriptor` (if there is one) becomes readable.
bool wait_readable(int descriptor, steady_clock::time_point at);

}  // namespace ordeal::pool

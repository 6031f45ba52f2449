// Many clients at once of a pool of processes: the history of their calls is judged for
// conservation, mix-up, order and deadlines, from what clients and workers saw. Repeat a run with
// ORDEAL_SEED.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <mutex>
#include <random>

#include "pool/runtime/tests/support.hpp"
#include "testing/checkers/timing.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

constexpr int clients = 4;
constexpr int bursts = 8;
constexpr int calls_a_burst = 10;
// Between an outcome and its note, on a machine that has much else to do.
constexpr milliseconds note_delay_max{3000};

struct Seen {
  trial::TimedCall call;
  std::string nonce;
  int outcomes = 0;
  bool mixed_up = false;
};

// Its calls come in bursts, so that they wait; it makes the next when all of one have ended.
class Client {
 public:
  Client(std::uint64_t seed, int number) : random_(seed), number_(number) {}

  void run(Pool& pool) {
    for (int burst = 0; burst < bursts; ++burst) {
      // Two of them ask for what takes until the deadline, which costs the worker.
      if (number_ < 2 && burst % 4 == 1) call_async(pool, "hang", milliseconds{30});
      for (int i = 0; i < calls_a_burst; ++i) {
        call_async(pool, "work", random_() % 4 == 0 ? milliseconds{1 + random_() % 30} : patience);
      }
      call(pool);
      await_all();
    }
  }
  // Not before run() is over.
  [[nodiscard]] const std::deque<Seen>& seen() const { return seen_; }

 private:
  Seen& prepare(milliseconds deadline) {
    Seen& seen = seen_.emplace_back();  // stays where it is
    seen.nonce = fresh_nonce();
    seen.call.name =
        "client " + std::to_string(number_) + "'s call " + std::to_string(seen_.size());
    seen.call.submitted = runtime::now();
    seen.call.deadline = seen.call.submitted + deadline;
    ++under_way_;
    return seen;
  }

  void call_async(Pool& pool, const char* command, milliseconds deadline) {
    Seen& seen = prepare(deadline);
    const std::string arguments = Json{{"nonce", seen.nonce}}.dump();
    const auto ticket = pool.call_async(
        command, JsonText{arguments}, {.deadline = runtime::to_steady(seen.call.deadline)},
        [this, &seen](const Result<Reply>& result) { note(seen, result); });
    const runtime::Instant accepted = runtime::now();
    const std::lock_guard lock{mutex_};
    seen.call.accepted = accepted;
    ASSERT_TRUE(ticket) << ticket.error().message;
  }

  // When it was in the pool, nobody can say.
  void call(Pool& pool) {
    Seen& seen = prepare(patience);
    note(seen, pool.call("work", Json{{"nonce", seen.nonce}},
                         {.deadline = runtime::to_steady(seen.call.deadline)}));
  }

  void note(Seen& seen, const Result<Reply>& result) {
    const runtime::Instant ended = runtime::now();
    const std::lock_guard lock{mutex_};
    ++seen.outcomes;
    seen.call.ended = ended;
    if (result) {
      const Json reply = *result->json();
      seen.mixed_up = reply.at("nonce") != seen.nonce;
      // What was taken back from a dead worker's pipe had its turn before.
      if (result->attempts == 1) seen.call.worker = result->worker;
      seen.call.began =
          runtime::Instant{std::chrono::nanoseconds{reply.at("began_ns").get<std::int64_t>()}};
    } else {
      seen.call.code = to_string(result.error().code);
    }
    --under_way_;
    ended_.notify();  // under the lock: who has seen the last one end may destroy this
  }

  void await_all() {
    const runtime::Instant guard = runtime::now() + 3 * patience;
    while (true) {
      const std::uint32_t ticket = ended_.ticket();
      {
        const std::lock_guard lock{mutex_};
        if (under_way_ == 0) return;
      }
      ASSERT_LT(runtime::now(), guard) << "calls without an outcome";
      ended_.wait_until(guard, ticket);
    }
  }

  std::mt19937_64 random_;
  int number_;
  std::mutex mutex_;
  std::deque<Seen> seen_;  // its calls are guarded by mutex_
  std::atomic<int> under_way_{0};
  runtime::WakeWord ended_;
};

std::vector<trial::TimedCall> history_of(const std::deque<Client>& all) {
  std::vector<trial::TimedCall> history;
  for (const Client& client : all) {
    for (const Seen& seen : client.seen()) {
      EXPECT_EQ(seen.outcomes, 1) << seen.call.name;
      EXPECT_FALSE(seen.mixed_up) << seen.call.name << " got another's reply";
      history.push_back(seen.call);
    }
  }
  return history;
}

// Of each worker's calls and deadlines what the checkers say; unknown is not a pass.
void expect_pass(const char* what, const trial::Verdict& verdict) {
  EXPECT_TRUE(verdict.passed()) << what << ": " << to_string(verdict.kind());
  for (const std::string& sentence : verdict.evidence()) ADD_FAILURE() << what << ": " << sentence;
}

TEST(History, OfManyClientsAtOnceIsInOrderAndByItsDeadlines) {
  cites(5, 11, 53);
  cites_bug_class(1, 2, 16);
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE("ORDEAL_SEED=" + std::to_string(seed));
  Options options = script_options(2, TESTS_FOLDER "/clock_bridge.py");
  options.environment["PYTHON_MOCK"] = PYTHON_MOCK;
  options.quarantine_grace = milliseconds{10};
  std::deque<Client> all;  // outlives the pool: a callback may be about to return
  for (int i = 0; i < clients; ++i) all.emplace_back(seed + static_cast<std::uint64_t>(i), i);
  Pool pool = must_start(options);
  std::vector<std::thread> threads;
  for (Client& client : all) threads.emplace_back([&] { client.run(pool); });
  for (std::thread& thread : threads) thread.join();
  const std::vector<trial::TimedCall> history = history_of(all);
  expect_pass("order", trial::OrderChecker{}.check(history));
  expect_pass("deadlines", trial::DeadlineChecker{.slack = note_delay_max}.check(history));
  std::map<std::string, int> codes;
  for (const trial::TimedCall& call : history) ++codes[call.code];
  EXPECT_EQ(codes["ok"] + codes["queue_timeout"] + codes["call_timeout"],
            static_cast<int>(history.size()));
  const Status status = pool.status();
  EXPECT_EQ(status.submitted, history.size());
  EXPECT_EQ(status.ok, static_cast<std::uint64_t>(codes["ok"]));
  expect_sum(status);
}

}  // namespace
}  // namespace ordeal::pool

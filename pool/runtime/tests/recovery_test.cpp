// Recoveries with real pools: what a caller sees of them, and that nothing is lost or done twice.
#include "ordeal/pool/recovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <random>
#include <stdexcept>

#include "ordeal/pool/session.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using Outcome = RecoveryOutcome;
using A = RecoveryAction;

// Collects results; each recovery's once.
class Collector {
 public:
  Recovery::Callback callback() {
    return [this](const RecoveryResult& result) {
      const std::lock_guard lock{mutex_};
      const bool first = results_.emplace(result.id, result).second;
      EXPECT_TRUE(first) << "recovery " << result.id << " ended twice";
      word_.notify();  // under the lock: who has seen the last one may destroy this
    };
  }
  [[nodiscard]] bool await(std::size_t count) {
    const runtime::Instant deadline = runtime::now() + patience;
    while (true) {
      const std::uint32_t ticket = word_.ticket();
      if (size() >= count) return true;
      if (runtime::now() >= deadline) return false;
      word_.wait_until(deadline, ticket);
    }
  }
  [[nodiscard]] std::size_t size() {
    const std::lock_guard lock{mutex_};
    return results_.size();
  }
  [[nodiscard]] RecoveryResult at(RecoveryId id) {
    const std::lock_guard lock{mutex_};
    return results_.at(id);
  }
  [[nodiscard]] std::map<RecoveryId, RecoveryResult> all() {
    const std::lock_guard lock{mutex_};
    return results_;
  }

 private:
  std::mutex mutex_;
  std::map<RecoveryId, RecoveryResult> results_;
  runtime::WakeWord word_;
};

RecoveryRequest request(std::string command, const Json& arguments, bool idempotent = true) {
  return {.command = std::move(command),
          .arguments = arguments.dump(),
          .context = {.idempotent = idempotent}};
}

// Tries again at once, a few times.
RecoveryOptions quick_retries() {
  return {.decide = [](const Error&, const RecoveryRequest&) {
    return RecoveryPlan{
        .action = A::retry,
        .retry = {.max_retries = 3, .backoff = Backoff::constant, .base_delay = 1ms}};
  }};
}

RecoveryOptions all_fail_over(Pool* spare) {
  return {.failover_pool = spare, .decide = [](const Error&, const RecoveryRequest&) {
            return RecoveryPlan{.action = A::failover};
          }};
}

Error died() { return make_error(ErrorCode::worker_died, "worker 1 died"); }

void expect_conserved(const RecoveryStatistics& s) {
  EXPECT_EQ(s.initiated, s.succeeded + s.failed + s.cancelled + s.timed_out + s.active);
}

TEST(Recovery, TriesAgainAndSaysThatItDid) {
  cites(44);
  Pool pool = must_start(mock_options(1));
  std::vector<std::string> told;
  const Subscription events = pool.subscribe([&](const PoolEvent& event) {
    if (event.what.starts_with("recovery_")) told.emplace_back(event.what);
  });
  Collector collector;
  {
    Recovery recovery(pool);
    const auto id = recovery.handle(died(), request("echo", {{"n", 1}}), collector.callback());
    ASSERT_TRUE(id) << id.error().message;
    ASSERT_TRUE(collector.await(1));
    const RecoveryResult result = collector.at(*id);
    EXPECT_EQ(result.outcome, Outcome::succeeded);
    EXPECT_EQ(result.via, A::retry);
    EXPECT_EQ(result.cause.code, ErrorCode::worker_died);
    ASSERT_TRUE(result.reply) << describe(result.reply);
    EXPECT_EQ(result.reply->result_text, R"({"n":1})");
    EXPECT_EQ(recovery.statistics().succeeded, 1U);
    expect_conserved(recovery.statistics());
  }
  ASSERT_TRUE(pool.stop(0ms));
  EXPECT_EQ(told, (std::vector<std::string>{"recovery_started", "recovery_succeeded"}));
}

TEST(Recovery, FailsOverToASecondPoolWhereTheFirstCannotStartAndSaysSo) {
  cites(44);
  Options broken = mock_options(1);
  broken.command = {"/bin/false"};
  broken.await_ready = AwaitReady::none;
  broken.start_failures_max = 1;
  Pool first = must_start(broken);
  Pool second = must_start(mock_options(1));
  const auto failed = first.call("echo", Json::object());
  ASSERT_EQ(code_of(failed), ErrorCode::workers_unavailable) << describe(failed);
  Collector collector;
  Recovery recovery(first, all_fail_over(&second));
  // It never reached a worker: no need to be idempotent.
  const auto id =
      recovery.handle(failed.error(), request("echo", {{"n", 2}}, false), collector.callback());
  ASSERT_TRUE(id);
  ASSERT_TRUE(collector.await(1));
  const RecoveryResult result = collector.at(*id);
  EXPECT_EQ(result.outcome, Outcome::succeeded) << describe(result.reply);
  EXPECT_EQ(result.via, A::failover);
  EXPECT_EQ(result.reply->result_text, R"({"n":2})");
  EXPECT_EQ(second.status().ok, 1U);
  EXPECT_EQ(result.cause.code, ErrorCode::workers_unavailable);
}

TEST(Recovery, ACancelInTheMiddleHarmsNobodyElse) {
  cites(44);
  Pool pool = must_start(mock_options(2));
  Collector collector;
  Recovery recovery(pool);
  const auto stuck = recovery.handle(died(), request("hang", Json::object()), collector.callback());
  ASSERT_TRUE(stuck);
  ASSERT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  const auto other = recovery.handle(died(), request("sleep", {{"ms", 50}}), collector.callback());
  ASSERT_TRUE(other);
  EXPECT_TRUE(recovery.cancel(*stuck));
  ASSERT_TRUE(collector.await(2));
  EXPECT_EQ(collector.at(*stuck).outcome, Outcome::cancelled);
  EXPECT_EQ(collector.at(*stuck).reply.error().certainty(), Certainty::indeterminate);
  EXPECT_EQ(collector.at(*other).outcome, Outcome::succeeded);
  EXPECT_FALSE(recovery.cancel(*stuck));
  EXPECT_FALSE(recovery.cancel(12345));
  const RecoveryStatistics statistics = recovery.statistics();
  EXPECT_EQ(statistics.cancelled, 1U);
  EXPECT_EQ(statistics.active, 0U);
  expect_conserved(statistics);
}

TEST(Recovery, OneMoreThanItHasRoomForIsRefusedAndADeadlineMakesRoom) {
  cites(44);
  Pool pool = must_start(mock_options(2));
  Collector collector;
  Recovery recovery(pool, {.max_concurrent = 1});
  RecoveryRequest stuck = request("hang", Json::object());
  stuck.deadline = 100ms;
  const auto begun = steady_clock::now();
  const auto id = recovery.handle(died(), stuck, collector.callback());
  ASSERT_TRUE(id);
  const auto refused = recovery.handle(died(), request("echo", 1), collector.callback());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::recovery_capacity_exceeded);
  EXPECT_EQ(refused.error().message, "1 recoveries are active, max_concurrent is 1");
  ASSERT_TRUE(collector.await(1));
  EXPECT_GE(steady_clock::now() - begun, 100ms);
  EXPECT_EQ(collector.at(*id).outcome, Outcome::timed_out) << describe(collector.at(*id).reply);
  EXPECT_TRUE(recovery.handle(died(), request("echo", Json::object()), collector.callback()));
  ASSERT_TRUE(collector.await(2));
  EXPECT_EQ(recovery.statistics().refused, 1U);
  expect_conserved(recovery.statistics());
}

TEST(Recovery, GivesUpWhereAnotherRunCouldDoHarmAndTellsWhichCircuitToBreak) {
  cites(38, 44);
  Pool pool = must_start(mock_options(1));
  Collector collector;
  std::string broken;
  Recovery recovery(pool, {.circuit_break = [&](std::string_view circuit, const Error&) {
                      broken = circuit;
                      throw std::runtime_error("contained");
                    }});
  const auto given_up =
      recovery.handle(died(), request("echo", Json::object(), false), collector.callback());
  const auto circuit = recovery.handle(make_error(ErrorCode::workers_unavailable, "none"),
                                       request("echo", Json::object()), collector.callback());
  ASSERT_TRUE(given_up && circuit);
  ASSERT_TRUE(collector.await(2));
  EXPECT_EQ(collector.at(*given_up).via, A::abandon);
  EXPECT_EQ(collector.at(*given_up).outcome, Outcome::failed);
  EXPECT_EQ(collector.at(*given_up).reply.error().code, ErrorCode::worker_died);
  EXPECT_EQ(collector.at(*circuit).via, A::circuit_break);
  EXPECT_EQ(collector.at(*circuit).outcome, Outcome::failed);
  EXPECT_EQ(broken, "worker_initialization");
  EXPECT_EQ(pool.status().submitted, 0U);
  EXPECT_EQ(recovery.statistics().failed, 2U);
}

TEST(Recovery, AHandlersAnswerIsCalledOneAndOneThatThrowsHasFailed) {
  cites(44);
  Pool pool = must_start(mock_options(1));
  Collector collector;
  RecoveryOptions options{
      .handler = [](const RecoveryRequest& asked, const Error&) -> Result<Reply> {
        if (asked.command == "throw") throw std::runtime_error("no");
        return Reply{.result_text = "\"cached\""};
      }};
  Recovery recovery(pool, options);
  const Error failed = make_error(ErrorCode::application_error, "worker 1: no");
  const auto answered =
      recovery.handle(failed, request("ask", Json::object()), collector.callback());
  const auto threw =
      recovery.handle(failed, request("throw", Json::object()), collector.callback());
  RecoveryRequest late = request("ask", Json::object());
  late.deadline = Deadline{0ms};
  const auto too_late = recovery.handle(failed, late, collector.callback());
  ASSERT_TRUE(answered && threw && too_late);
  ASSERT_TRUE(collector.await(3));
  EXPECT_EQ(collector.at(*answered).outcome, Outcome::succeeded);
  EXPECT_EQ(collector.at(*answered).via, A::failover);
  EXPECT_EQ(collector.at(*answered).reply->result_text, "\"cached\"");
  EXPECT_EQ(collector.at(*threw).outcome, Outcome::failed);
  EXPECT_EQ(collector.at(*too_late).outcome, Outcome::timed_out);
  EXPECT_EQ(collector.at(*too_late).reply.error().code, ErrorCode::recovery_timeout);
  expect_conserved(recovery.statistics());
}

TEST(Recovery, DestructionCancelsWhatIsActiveAndWaitsForItsCallbacks) {
  cites(44);
  Pool pool = must_start(mock_options(2));
  Collector collector;
  {
    Recovery recovery(pool);
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(recovery.handle(died(), request("hang", Json::object()), collector.callback()));
    }
  }
  EXPECT_EQ(collector.size(), 5U);
  for (const auto& [id, result] : collector.all()) EXPECT_EQ(result.outcome, Outcome::cancelled);
}

TEST(Recovery, CallbacksMayThrowRecoverMoreAndDestroyIt) {
  cites(44);
  Pool pool = must_start(mock_options(1));
  Collector collector;
  Signal destroyed;
  auto recovery = std::make_unique<Recovery>(pool);
  auto collect = collector.callback();
  ASSERT_TRUE(recovery->handle(died(), request("echo", Json::object()), [&](const auto& first) {
    collect(first);
    EXPECT_TRUE(recovery->handle(died(), request("echo", Json::object()), [&](const auto& second) {
      collect(second);
      recovery.reset();
      destroyed.set();
      throw std::runtime_error("contained");
    }));
    throw std::runtime_error("contained");
  }));
  EXPECT_TRUE(destroyed.wait());
  EXPECT_EQ(collector.size(), 2U);
}

TEST(Recovery, AThousandUnderKillsEndOnceEachAndTheSumIsRight) {
  cites(44, 53);
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE("repeat with ORDEAL_SEED=" + std::to_string(seed));
  std::mt19937_64 random{seed};
  Options options = mock_options(4);
  options.start_failures_max = 1000;  // workers that are killed at once are no bad starts
  Pool pool = must_start(options);
  Collector collector;
  Recovery recovery(pool, quick_retries());
  constexpr std::size_t wanted = 1000;
  std::size_t kills = 0;
  std::vector<std::pair<RecoveryId, std::string>> asked;
  while (asked.size() < wanted) {
    const std::size_t number = asked.size();
    const Json arguments = number % 40 == 7 ? Json{{"signal", "SIGKILL"}} : Json{{"n", number}};
    auto what = request(number % 40 == 7 ? "crash" : "echo", arguments);
    what.deadline = patience;
    const auto id = recovery.handle(died(), what, collector.callback());
    if (!id) {
      ASSERT_EQ(id.error().code, ErrorCode::recovery_capacity_exceeded);
      ASSERT_GE(number, 10U);
      ASSERT_TRUE(collector.await(number - 9));
      continue;
    }
    kills += number % 40 == 7;
    asked.emplace_back(*id, arguments.dump());
    if (random() % 50 == 0) (void)recovery.cancel(*id);
    expect_conserved(recovery.statistics());
  }
  ASSERT_TRUE(collector.await(wanted));
  EXPECT_EQ(kills, 25U);
  const RecoveryStatistics statistics = recovery.statistics();
  EXPECT_EQ(statistics.initiated, wanted);
  EXPECT_EQ(statistics.active, 0U);
  EXPECT_GT(statistics.succeeded, wanted * 8 / 10);
  EXPECT_EQ(statistics.timed_out, 0U);
  expect_conserved(statistics);
  for (const auto& [id, arguments] : asked) {
    const RecoveryResult result = collector.at(id);
    if (result.outcome == Outcome::succeeded) {
      EXPECT_EQ(result.reply->result_text, arguments);
    }
  }
  EXPECT_GT(pool.status().workers_lost, 0U);
  expect_whole(pool);
}

TEST(Recovery, BreaksTheCircuitOfTheFailedCallWhereTheTableSaysSo) {
  cites(31, 44);
  Options options = mock_options(1);
  options.breaker.enabled = true;
  options.breaker.open = 600s;
  Pool pool = must_start(options);
  ASSERT_TRUE(echoes(pool));
  Collector collector;
  std::string named;
  Recovery recovery(
      pool, {.circuit_break = [&](std::string_view circuit, const Error&) { named = circuit; }});
  const Error no_worker = make_error(ErrorCode::spawn_failed, "no memory");  // critical
  const auto id = recovery.handle(no_worker, request("echo", {}), collector.callback());
  ASSERT_TRUE(id && collector.await(1));
  EXPECT_EQ(collector.at(*id).outcome, Outcome::failed);
  EXPECT_EQ(collector.at(*id).via, A::circuit_break);
  EXPECT_EQ(collector.at(*id).circuit, "echo");
  EXPECT_EQ(named, "worker_initialization") << "by the table's name";
  EXPECT_EQ(code_of(pool.call("echo", Json::object())), ErrorCode::circuit_open);
  EXPECT_TRUE(pool.call("pid", Json::object())) << "another's is closed";
  auto keyed = request("echo", {});
  keyed.breaker_key = "mine";
  const auto second = recovery.handle(no_worker, keyed, collector.callback());
  ASSERT_TRUE(second && collector.await(2));
  EXPECT_EQ(collector.at(*second).circuit, "mine");
  EXPECT_EQ(pool.breaker("mine").status()->state, CircuitState::open);
}

TEST(Recovery, BreaksNothingWhereItMustNot) {
  Options options = mock_options(1);
  options.breaker.enabled = true;
  Pool pool = must_start(options);
  Pool unguarded = must_start(mock_options(1));
  Collector collector;
  const Error no_worker = make_error(ErrorCode::spawn_failed, "no memory");
  Recovery by_hook(pool, {.breaks_circuits = false});
  Recovery without(unguarded);
  const auto first = by_hook.handle(no_worker, request("echo", {}), collector.callback());
  ASSERT_TRUE(first && collector.await(1));
  EXPECT_EQ(collector.at(*first).circuit, "");
  EXPECT_TRUE(echoes(pool));
  Collector others;
  const auto second = without.handle(no_worker, request("echo", {}), others.callback());
  ASSERT_TRUE(second && others.await(1));
  EXPECT_EQ(others.at(*second).circuit, "");
  EXPECT_TRUE(echoes(unguarded));
}

TEST(Recovery, OfASessionsRequestRunsInThatSession) {
  cites(44, 45);
  Pool pool = must_start(mock_options(1));
  Collector collector;
  Recovery recovery(pool);
  auto asked = request("context", Json::object());
  {
    const std::string name = "s";  // gone when the recovery runs
    asked.context.session = name;
    ASSERT_TRUE(recovery.handle(died(), asked, collector.callback()));
  }
  ASSERT_TRUE(collector.await(1));
  const RecoveryResult result = collector.all().begin()->second;
  ASSERT_TRUE(result.reply) << describe(result.reply);
  EXPECT_EQ(result.reply->json()->at("session"), "s");
  EXPECT_EQ(pool.session("s").info()->operations, 1U);
}

}  // namespace
}  // namespace ordeal::pool

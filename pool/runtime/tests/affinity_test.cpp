// Sessions that keep to one worker, with real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <mutex>

#include "pool/runtime/tests/session_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

Options affinity_options(std::uint32_t size, AffinityPolicy policy) {
  Options options = mock_options(size);
  options.affinity = policy;
  return options;
}

int pid_of(Pool& pool, const std::string& session) {
  const auto reply = pool.session(session).call("pid", Json::object(), {});
  return reply ? reply->json()->at("pid").get<int>() : -1;
}

// Keeps the worker of a session busy from begin() until end(), and knows which worker that is.
class Occupied {
 public:
  Occupied(Pool& pool, std::uint64_t worker) {
    // Leases have no session: the first worker that is free. Those that are not meant go back.
    std::vector<Lease> others;
    while (true) {
      auto lease = pool.checkout({.deadline = patience});
      if (!lease) {
        ADD_FAILURE() << lease.error().message;
        return;
      }
      if (lease->worker() == worker) {
        lease_ = std::move(*lease);
        return;
      }
      others.push_back(std::move(*lease));
    }
  }
  void end() { lease_.reset(); }

 private:
  std::optional<Lease> lease_;
};

// What the pool has said, by what it was about.
class Events {
 public:
  explicit Events(Pool& pool)
      : subscription_(pool.subscribe([this](const PoolEvent& event) {
          const std::lock_guard lock{mutex_};
          events_.push_back(event);
        })) {}
  [[nodiscard]] std::vector<PoolEvent> of(std::string_view what) {
    const std::lock_guard lock{mutex_};
    std::vector<PoolEvent> found;
    std::copy_if(events_.begin(), events_.end(), std::back_inserter(found),
                 [&](const PoolEvent& event) { return event.what == what; });
    return found;
  }

 private:
  std::mutex mutex_;
  std::vector<PoolEvent> events_;
  Subscription subscription_;
};

TEST(Affinity, StrictKeepsEachSessionToOneWorkerWhileTheSessionsOverlap) {
  cites(24, 29, 30);
  Pool pool = must_start(affinity_options(2, AffinityPolicy::strict));
  constexpr int sessions = 4;
  constexpr int callers_each = 2;
  std::mutex mutex;
  std::map<int, std::set<std::uint64_t>> workers;  // by session
  std::atomic<int> inside{0};
  std::atomic<int> together{0};  // the most sessions in a call at once
  std::atomic<int> hits{0};
  std::vector<std::thread> threads;
  for (int caller = 0; caller < sessions * callers_each; ++caller) {
    threads.emplace_back([&, session = caller % sessions] {
      for (int n = 0; n < 5; ++n) {
        const int now = ++inside;
        for (int most = together; most < now && !together.compare_exchange_weak(most, now);) {
        }
        const auto reply =
            pool.call("sleep", Json{{"ms", 3}}, {.session = "session " + std::to_string(session)});
        --inside;
        ASSERT_TRUE(reply) << describe(reply);
        hits += reply->affinity == AffinityOutcome::hit;
        const std::lock_guard lock{mutex};
        workers[session].insert(reply->worker);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& [session, own] : workers) {
    EXPECT_EQ(own.size(), 1U) << "session " << session;
    all.insert(own.begin(), own.end());
  }
  EXPECT_EQ(all.size(), 2U) << "the sessions have spread over both workers";
  EXPECT_GE(together, 2);
  EXPECT_EQ(hits, sessions * callers_each * 5 - sessions) << "all but each session's first";
  const Status status = pool.status();
  EXPECT_EQ(status.affinity.bindings, 4U);
  EXPECT_EQ(status.affinity.hits, static_cast<std::uint64_t>(hits));
  EXPECT_EQ(status.affinity.misses, 4U);
  EXPECT_EQ(status.workers.at(0).bindings + status.workers.at(1).bindings, 4U);
  expect_whole(pool);
}

TEST(Affinity, AStrictCallWaitsForItsWorkerAndDelaysNobodyElse) {
  cites(24, 30);
  cites_bug_class(13);
  Pool pool = must_start(affinity_options(2, AffinityPolicy::strict));
  const auto first = pool.call("echo", Json::object(), {.session = "s"});
  ASSERT_TRUE(first) << describe(first);
  Occupied own{pool, first->worker};
  Caller waits{pool, "echo", Json::object(), {.deadline = patience, .session = "s"}};
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.queue_depth == 1; }));
  EXPECT_TRUE(echoes(pool)) << "the other worker is free, and serves";
  const auto other = pool.call("echo", Json::object(), {.session = "t"});
  ASSERT_TRUE(other) << describe(other);
  EXPECT_NE(other->worker, first->worker);
  const auto late = pool.call("echo", Json::object(), {.deadline = 20ms, .session = "s"});
  EXPECT_EQ(code_of(late), ErrorCode::queue_timeout) << "its deadline is kept all the same";
  EXPECT_EQ(pool.status().queue_depth, 1U);
  own.end();
  const auto& reply = waits.join();
  ASSERT_TRUE(reply) << describe(reply);
  EXPECT_EQ(reply->worker, first->worker);
  EXPECT_EQ(reply->affinity, AffinityOutcome::hit);
  expect_whole(pool);
}

TEST(Affinity, PreferGoesToAnotherWorkerAfterItsWaitAndStaysThere) {
  cites(24);
  Options options = affinity_options(2, AffinityPolicy::prefer);
  options.affinity_wait = 30ms;
  Pool pool = must_start(options);
  Events events{pool};
  const auto first = pool.call("echo", Json::object(), {.session = "s"});
  ASSERT_TRUE(first) << describe(first);
  {
    Occupied own{pool, first->worker};
    const auto other = pool.call("echo", Json::object(), {.session = "s"});
    ASSERT_TRUE(other) << describe(other);
    EXPECT_NE(other->worker, first->worker);
    EXPECT_EQ(other->affinity, AffinityOutcome::rebound);
    EXPECT_GE(other->queued, 30ms);
    own.end();
    const auto again = pool.call("echo", Json::object(), {.session = "s"});
    ASSERT_TRUE(again) << describe(again);
    EXPECT_EQ(again->worker, other->worker);
    EXPECT_EQ(again->affinity, AffinityOutcome::hit);
  }
  ASSERT_TRUE(
      wait_until(pool, [&](const Status&) { return events.of("request_resolved").size() >= 3; }));
  ASSERT_EQ(events.of("session_rebound").size(), 1U);
  EXPECT_EQ(events.of("session_rebound")[0].session, "s");
  EXPECT_EQ(events.of("session_rebound")[0].worker_before, first->worker);
  EXPECT_EQ(events.of("session_wait_over").size(), 1U);
  EXPECT_EQ(pool.status().affinity.waits_over, 1U);
}

TEST(Affinity, NoneHeedsNoBindingAndMakesNone) {
  Pool pool = must_start(affinity_options(2, AffinityPolicy::none));
  const auto first = pool.call("echo", Json::object(), {.session = "s"});
  ASSERT_TRUE(first) << describe(first);
  Occupied own{pool, first->worker};
  const auto other = pool.call("echo", Json::object(), {.session = "s"});
  ASSERT_TRUE(other) << describe(other);
  EXPECT_NE(other->worker, first->worker);
  EXPECT_EQ(other->affinity, AffinityOutcome::none);
  EXPECT_EQ(pool.status().affinity.bindings, 0U);
  // A call may say otherwise.
  const auto bound =
      pool.call("echo", Json::object(), {.session = "s", .affinity = AffinityPolicy::strict});
  ASSERT_TRUE(bound) << describe(bound);
  EXPECT_EQ(bound->affinity, AffinityOutcome::bound);
  EXPECT_EQ(pool.status().affinity.bindings, 1U);
}

TEST(Affinity, AKilledWorkersSessionsAreBoundAnewOnceAndNoOthers) {
  cites(25, 26);
  Pool pool = must_start(affinity_options(2, AffinityPolicy::strict));
  Events events{pool};
  constexpr int sessions = 6;
  std::map<std::string, int> pid;
  for (int i = 0; i < sessions; ++i) {
    const std::string name = "session " + std::to_string(i);
    pid[name] = pid_of(pool, name);
    ASSERT_GT(pid[name], 0);
  }
  const int victim = pid["session 0"];
  kill(victim, SIGKILL);
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.workers_lost == 1; }));
  EXPECT_EQ(pool.status().affinity.lost, 3U) << "of six on two workers";
  for (int round = 0; round < 2; ++round) {
    for (auto& [name, own] : pid) {
      const auto reply = pool.session(name).call("pid", Json::object(), {});
      ASSERT_TRUE(reply) << describe(reply);
      const bool anew = round == 0 && own == victim;
      EXPECT_EQ(reply->affinity, anew ? AffinityOutcome::rebound : AffinityOutcome::hit) << name;
      if (anew) {
        own = reply->json()->at("pid").get<int>();
        EXPECT_NE(own, victim);
      } else {
        EXPECT_EQ(reply->json()->at("pid"), own) << name;
      }
    }
  }
  ASSERT_TRUE(wait_until(
      pool, [&](const Status&) { return events.of("request_resolved").size() >= 3 * sessions; }));
  const auto rebound = events.of("session_rebound");
  EXPECT_EQ(rebound.size(), 3U);
  ASSERT_EQ(events.of("session_bindings_lost").size(), 1U);
  EXPECT_EQ(events.of("session_bindings_lost")[0].count, 3U);
  for (const PoolEvent& event : rebound) {
    EXPECT_EQ(event.worker_before, events.of("session_bindings_lost")[0].worker);
  }
  expect_whole(pool);
}

TEST(Affinity, ACallThatReliesOnAWorkersStateIsToldWhenThatIsLost) {
  Pool pool = must_start(affinity_options(2, AffinityPolicy::prefer));
  Session session = pool.session("s");
  const auto made = session.call("pid", Json::object(), {});
  ASSERT_TRUE(made) << describe(made);
  const std::uint64_t holder = made->worker;
  const auto fine = session.call("echo", Json::object(), {.state_in_worker = holder});
  ASSERT_TRUE(fine) << describe(fine);
  EXPECT_EQ(fine->worker, holder);
  // One is waiting for it when it dies.
  Occupied own{pool, holder};
  Caller waits{pool,
               "echo",
               Json::object(),
               {.deadline = patience, .session = "s", .state_in_worker = holder}};
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.queue_depth == 1; }));
  kill(made->json()->at("pid").get<int>(), SIGKILL);
  const auto& lost = waits.join();
  ASSERT_EQ(code_of(lost), ErrorCode::session_state_lost) << describe(lost);
  EXPECT_EQ(lost.error().state_lost, (StateLost{holder, 0}));
  EXPECT_EQ(lost.error().certainty(), Certainty::failed);
  EXPECT_EQ(lost.error().attempts, 0U) << "nothing was sent";
  EXPECT_EQ(lost.error().message,
            "what worker " + std::to_string(holder) +
                " held for the session is lost: the session is bound to no worker");
  own.end();
  // The next call binds the session anew; who still relies on the old worker is told where.
  const auto anew = session.call("echo", Json::object(), {});
  ASSERT_TRUE(anew) << describe(anew);
  EXPECT_EQ(anew->affinity, AffinityOutcome::rebound);
  const auto moved = session.call("echo", Json::object(), {.state_in_worker = holder});
  ASSERT_EQ(code_of(moved), ErrorCode::session_state_lost);
  EXPECT_EQ(moved.error().state_lost, (StateLost{holder, anew->worker}));
  const auto there = session.call("echo", Json::object(), {.state_in_worker = anew->worker});
  ASSERT_TRUE(there) << describe(there);
  expect_whole(pool);
}

TEST(Affinity, ABindingThatNobodyUsesExpires) {
  cites(27);
  Options options = affinity_options(1, AffinityPolicy::strict);
  options.affinity_timeout = 40ms;
  Pool pool = must_start(options);
  Events events{pool};
  const auto first = pool.call("echo", Json::object(), {.session = "s"});
  ASSERT_TRUE(first) << describe(first);
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.affinity.expired == 1; }));
  EXPECT_EQ(pool.status().affinity.bindings, 0U);
  const auto again = pool.call("echo", Json::object(), {.session = "s"});
  ASSERT_TRUE(again) << describe(again);
  EXPECT_EQ(again->affinity, AffinityOutcome::bound) << "as a session that was never bound";
  ASSERT_EQ(events.of("session_binding_expired").size(), 1U);
  EXPECT_EQ(events.of("session_binding_expired")[0].session, "s");
  EXPECT_EQ(events.of("session_binding_expired")[0].worker, first->worker);
}

TEST(Affinity, ASessionThatIsRemovedIsUnbound) {
  Pool pool = must_start(affinity_options(1, AffinityPolicy::strict));
  Session session = pool.session("s");
  ASSERT_TRUE(session.call("echo", Json::object(), {}));
  EXPECT_EQ(pool.status().affinity.bindings, 1U);
  ASSERT_TRUE(session.remove());
  EXPECT_EQ(pool.status().affinity.bindings, 0U);
  const auto again = session.call("echo", Json::object(), {});
  ASSERT_TRUE(again) << describe(again);
  EXPECT_EQ(again->affinity, AffinityOutcome::bound);
}

TEST(Affinity, OfMoreSessionsThanMayBeBoundTheLongestUnusedGoes) {
  Options options = affinity_options(1, AffinityPolicy::strict);
  options.affinity_bindings_max = 2;
  Pool pool = must_start(options);
  const auto outcome = [&pool](const char* name) {
    const auto reply = pool.session(name).call("echo", Json::object(), {});
    return reply ? reply->affinity : AffinityOutcome::none;
  };
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(outcome(name), AffinityOutcome::bound);
  EXPECT_EQ(outcome("c"), AffinityOutcome::hit);
  EXPECT_EQ(outcome("b"), AffinityOutcome::hit);
  EXPECT_EQ(outcome("a"), AffinityOutcome::bound);
  EXPECT_EQ(pool.status().affinity.evicted, 2U);
}

}  // namespace
}  // namespace ordeal::pool

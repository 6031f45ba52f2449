// What the oracle makes of a core that breaks a promise: it names the first, and survives the rest.
#include "testing/model/core_oracle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::trial {
namespace {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using ::testing::HasSubstr;

constexpr TicketId ticket{.index = 0, .serial = 1};
constexpr WorkerId worker{.index = 7, .serial = 3};
constexpr Instant noon{std::chrono::hours{12}};

event::Submitted submitted() { return {.ticket = ticket, .deadline = never}; }

event::ExchangeEnded ended() {
  return {.ticket = ticket, .verdict = ExchangeVerdict::lost, .progress = WireProgress::written};
}

TEST(CoreOracle, NamesAnEndWithoutABeginning) {
  cites(50);
  CoreOracle oracle{CoreOptions{}};
  oracle.before(noon, submitted());
  oracle.before(noon, ended());
  EXPECT_THAT(oracle.error(), HasSubstr("it ended an exchange that does not run (1)"));
}

TEST(CoreOracle, LooksAtNothingBehindTheFirstBrokenPromise) {
  cites(50);
  CoreOracle oracle{CoreOptions{}};
  oracle.before(noon, submitted());
  oracle.action(action::Grant{.ticket = ticket, .worker = worker});
  const std::string first = oracle.error();
  EXPECT_THAT(first, HasSubstr("a grant of a worker that is not known (3)"));
  const Core core{CoreOptions{}, 1};
  oracle.after(core);
  oracle.before(noon, ended());
  oracle.action(action::Grant{.ticket = ticket, .worker = worker});
  oracle.before(noon, event::WorkerExited{.worker = worker});
  oracle.after(core);
  EXPECT_EQ(oracle.error(), first);
}

// A core and its oracle, at a time that the test sets.
struct Watched {
  explicit Watched(const CoreOptions& options) : core(options, 1), oracle(options) {
    core.set_emit(true);
  }

  void feed(const Event& event) {
    oracle.before(now, event);
    core.handle_event(now, event);
    while (const auto action = core.poll_action()) {
      if (const auto* spawn = std::get_if<action::Spawn>(&*action))
        spawned.push_back(spawn->worker);
      if (const auto* grant = std::get_if<action::Grant>(&*action)) {
        served_by[grant->ticket.serial] = grant->worker;
      }
      if (const auto* eject = std::get_if<action::Eject>(&*action)) ejected = *eject;
      oracle.action(*action);
    }
    oracle.after(core);
    oracle.look_at(core);
  }
  void pass(int milliseconds) {
    now += std::chrono::milliseconds{milliseconds};
    feed(event::TimePassed{});
  }
  // The tickets' indices are their serials.
  void submit(std::uint32_t serial, Duration budget) {
    feed(event::Submitted{.ticket = {.index = serial, .serial = serial}, .deadline = now + budget});
  }
  void ended(std::uint32_t serial, ExchangeVerdict verdict) {
    feed(event::ExchangeEnded{.ticket = {.index = serial, .serial = serial}, .verdict = verdict});
  }

  Core core;
  CoreOracle oracle;
  Instant now = noon;
  std::vector<WorkerId> spawned;
  std::map<std::uint64_t, WorkerId> served_by;  // by the ticket's serial
  std::optional<action::Eject> ejected;         // last
};

// Found by scripts/nightly --chaos, 2026-11-30: the oracle counted that worker's slot.
TEST(CoreOracle, KnowsThatAWorkerWhoseTimeIsOverIsLostBeforeANewcomerIsLookedAt) {
  CoreOptions options;
  options.size = 1;
  options.reject_late = true;
  options.quarantine_grace = std::chrono::milliseconds{10};
  Watched pool{options};
  pool.feed(event::Opened{});
  pool.feed(event::WorkerReady{.worker = pool.spawned.front()});
  pool.submit(1, std::chrono::seconds{1});
  pool.pass(4);
  pool.ended(1, ExchangeVerdict::replied);  // so that a request holds its worker for 4 ms
  pool.submit(2, std::chrono::milliseconds{1});
  pool.pass(1);
  pool.ended(2, ExchangeVerdict::timed_out);  // and the worker owes a reply, for 10 ms
  pool.submit(3, std::chrono::seconds{1});
  pool.now += std::chrono::milliseconds{10};
  pool.submit(4, std::chrono::milliseconds{5});  // behind ticket 3 too late, were the worker there
  EXPECT_EQ(pool.spawned.size(), 2U) << "another is started";
  EXPECT_EQ(pool.core.counters().queued, 2U);
  EXPECT_EQ(pool.oracle.error(), "");
}

// Found by nine minutes of hunting, 2026-11-30: the oracle took it for one that had stood the
// comparison.
TEST(CoreOracle, KnowsWhoWasEjectedAndCalledBackInTheSameBreath) {
  using std::chrono::milliseconds;
  CoreOptions options;
  options.size = 2;
  options.quarantine_grace = milliseconds{4};
  options.outliers = {.interval = milliseconds{10},
                      .time = milliseconds{5},
                      .time_max = milliseconds{50},
                      .requests_min = 4,
                      .failure_percent = 90,
                      .slow_percent = 0,
                      .share_percent = 90};
  Watched pool{options};
  pool.feed(event::Opened{});
  ASSERT_EQ(pool.spawned.size(), 2U);
  const WorkerId bad = pool.spawned[0];
  for (int i = 0; i < 2; ++i) pool.feed(event::WorkerReady{.worker = pool.spawned[i]});
  std::uint32_t serial = 0;
  // One request for each worker: the bad one's fails, the other's takes so long.
  const auto round = [&](ExchangeVerdict of_the_other, int other_ms) {
    pool.submit(++serial, milliseconds{1});
    pool.submit(++serial, milliseconds{1});
    const std::uint32_t on_bad = pool.served_by[serial] == bad ? serial : serial - 1;
    ASSERT_EQ(pool.served_by[on_bad], bad);
    pool.ended(on_bad, ExchangeVerdict::application_error);
    if (other_ms > 0) pool.pass(other_ms);
    pool.ended(on_bad == serial ? serial - 1 : serial, of_the_other);
  };
  for (int i = 0; i < 3; ++i) round(ExchangeVerdict::replied, 0);
  pool.pass(5);
  round(ExchangeVerdict::timed_out, 1);  // owes a reply until the moment of the comparison
  pool.pass(4);
  ASSERT_TRUE(pool.ejected) << "all of its answers were failures";
  EXPECT_EQ(pool.ejected->worker, bad);
  EXPECT_EQ(pool.ejected->duration, milliseconds{5});
  ASSERT_EQ(pool.spawned.size(), 3U) << "the other one is lost";
  pool.feed(event::WorkerReady{.worker = pool.spawned[2]});
  for (int i = 0; i < 4; ++i) round(ExchangeVerdict::replied, 0);
  pool.pass(10);
  EXPECT_EQ(pool.ejected->duration, milliseconds{10}) << "for the second time in a row";
  EXPECT_EQ(pool.oracle.error(), "");
}

}  // namespace
}  // namespace ordeal::trial

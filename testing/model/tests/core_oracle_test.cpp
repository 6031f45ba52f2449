// What the oracle makes of a core that breaks a promise: it names the first, and survives the rest.
#include "testing/model/core_oracle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  explicit Watched(const CoreOptions& options) : core(options, 1), oracle(options) {}

  void feed(const Event& event) {
    oracle.before(now, event);
    core.handle_event(now, event);
    while (const auto action = core.poll_action()) {
      if (const auto* spawn = std::get_if<action::Spawn>(&*action)) newest = spawn->worker;
      oracle.action(*action);
    }
    oracle.after(core);
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
  WorkerId newest;
};

// Found by scripts/nightly --chaos, 2026-11-30: the oracle counted that worker's slot.
TEST(CoreOracle, KnowsThatAWorkerWhoseTimeIsOverIsLostBeforeANewcomerIsLookedAt) {
  CoreOptions options;
  options.size = 1;
  options.reject_late = true;
  options.quarantine_grace = std::chrono::milliseconds{10};
  Watched pool{options};
  const auto pass = [&pool](int milliseconds) {
    pool.now += std::chrono::milliseconds{milliseconds};
  };
  pool.feed(event::Opened{});
  pool.feed(event::WorkerReady{.worker = pool.newest});
  pool.submit(1, std::chrono::seconds{1});
  pass(4);
  pool.ended(1, ExchangeVerdict::replied);  // so that a request holds its worker for 4 ms
  pool.submit(2, std::chrono::milliseconds{1});
  pass(1);
  pool.ended(2, ExchangeVerdict::timed_out);  // and the worker owes a reply, for 10 ms
  pool.submit(3, std::chrono::seconds{1});
  pass(10);
  const WorkerId lost = pool.newest;
  pool.submit(4, std::chrono::milliseconds{5});  // behind ticket 3 too late, were the worker there
  EXPECT_NE(pool.newest, lost) << "another is started";
  EXPECT_EQ(pool.core.counters().queued, 2U);
  EXPECT_EQ(pool.oracle.error(), "");
}

}  // namespace
}  // namespace ordeal::trial

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

}  // namespace
}  // namespace ordeal::trial

// Expired is expired: on every path, at the same instant, and said once. Each promise on each
// store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "pool/store/tests/stores.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::store {
namespace {

using namespace std::chrono_literals;
using Kind = ProgramChange::Kind;

class ExpiringStores : public ::testing::TestWithParam<StoreKind> {};
INSTANTIATE_TEST_SUITE_P(Stores, ExpiringStores, ::testing::ValuesIn(all_stores),
                         [](const auto& store) { return ::testing::PrintToString(store.param); });

TEST_P(ExpiringStores, ExpireASessionAtItsTtlOnEveryPath) {
  cites(27, 45);
  const std::vector<std::pair<std::string, std::function<ErrorCode(SessionStore&)>>> paths{
      {"get", [](SessionStore& s) { return code(s.get("s")); }},
      {"update", [](SessionStore& s) { return code(s.update("s", [](Json&) {})); }},
      {"touch", [](SessionStore& s) { return code(s.touch("s")); }},
      {"ensure", [](SessionStore& s) { return code(s.ensure("s")); }},
      {"describe", [](SessionStore& s) { return code(s.describe("s")); }},
      {"complete", [](SessionStore& s) { return code(s.complete("s", {})); }},
      {"program", [](SessionStore& s) { return code(s.program("s", "p")); }},
      {"programs", [](SessionStore& s) { return code(s.programs("s")); }},
  };
  for (const auto& [name, use] : paths) {
    SCOPED_TRACE(name);
    Stage stage{GetParam(), {.ttl = 100ms}};
    ASSERT_TRUE(stage->create("s", Json::object()));
    ASSERT_TRUE(stage->complete("s", {.kind = Kind::put, .program = "p", .record = "{}"}));
    stage.pass(99ms);
    EXPECT_EQ(*stage->count(), 1U);
    EXPECT_EQ(stage->list()->size(), 1U);
    EXPECT_TRUE(stage->sweep()->empty());
    stage.pass(1ms);
    EXPECT_EQ(*stage->count(), 0U);
    EXPECT_TRUE(stage->list()->empty());
    EXPECT_EQ(use(stage.store()), ErrorCode::session_expired);
    EXPECT_EQ(code(stage->get("s")), ErrorCode::session_not_found);
    EXPECT_TRUE(stage->sweep()->empty());
    // A new one of that name has nothing of the old one.
    ASSERT_TRUE(stage->create("s", Json::object()));
    EXPECT_TRUE(stage->programs("s")->empty());
    EXPECT_EQ(stage->describe("s")->operations, 0U);
  }
}

TEST_P(ExpiringStores, SayOfAnExpiredSessionWhichAndWhy) {
  Stage stage{GetParam(), {.ttl = 100ms}};
  ASSERT_TRUE(stage->create("s", Json::object()));
  stage.pass(1h);
  const auto gone = stage->get("s");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().message, "session \"s\" was not used for session_ttl_ms 100, and is gone");
}

TEST_P(ExpiringStores, RefreshByUseAndNotByLooking) {
  const std::vector<std::pair<bool, std::function<void(SessionStore&)>>> ways{
      {true, [](SessionStore& s) { EXPECT_TRUE(s.get("s")); }},
      {true, [](SessionStore& s) { EXPECT_TRUE(s.update("s", [](Json&) {})); }},
      {true, [](SessionStore& s) { EXPECT_TRUE(s.touch("s")); }},
      {true, [](SessionStore& s) { EXPECT_TRUE(s.ensure("s")); }},
      {true, [](SessionStore& s) { EXPECT_TRUE(s.complete("s", {})); }},
      {true, [](SessionStore& s) { EXPECT_TRUE(s.program("s", "p")); }},
      {true, [](SessionStore& s) { EXPECT_TRUE(s.programs("s")); }},
      {false, [](SessionStore& s) { EXPECT_TRUE(s.describe("s")); }},
      {false, [](SessionStore& s) { EXPECT_TRUE(s.list()); }},
      {false, [](SessionStore& s) { EXPECT_TRUE(s.count()); }},
      {false, [](SessionStore& s) { EXPECT_TRUE(s.sweep()); }},
  };
  for (std::size_t i = 0; i < ways.size(); ++i) {
    SCOPED_TRACE(i);
    Stage stage{GetParam(), {.ttl = 100ms}};
    ASSERT_TRUE(stage->create("s", Json::object()));
    stage.pass(60ms);
    ways[i].second(stage.store());
    stage.pass(60ms);
    EXPECT_EQ(stage->get("s").has_value(), ways[i].first);
  }
}

TEST_P(ExpiringStores, SweepWhatHasExpiredAndNothingElse) {
  Stage stage{GetParam(), {.ttl = 100ms}};
  ASSERT_TRUE(stage->create("b", Json::object()));
  ASSERT_TRUE(stage->create("a", Json::object()));
  stage.pass(50ms);
  ASSERT_TRUE(stage->create("c", Json::object()));
  stage.pass(50ms);
  EXPECT_THAT(*stage->sweep(), ::testing::ElementsAre("a", "b"));
  EXPECT_TRUE(stage->sweep()->empty());
  EXPECT_EQ(code(stage->get("a")), ErrorCode::session_not_found);
  EXPECT_TRUE(stage->get("c"));
}

TEST_P(ExpiringStores, LetCreateReplaceAnExpiredSession) {
  Stage stage{GetParam(), {.ttl = 100ms}};
  ASSERT_TRUE(stage->create("s", Json{{"old", 1}}));
  ASSERT_TRUE(stage->complete("s", {.kind = Kind::put, .program = "p", .record = "{}"}));
  stage.pass(100ms);
  ASSERT_TRUE(stage->create("s", Json{{"new", 1}}));
  EXPECT_EQ(*stage->get("s"), Json({{"new", 1}}));
  EXPECT_TRUE(stage->programs("s")->empty());
  stage.pass(100ms);
  EXPECT_FALSE(*stage->remove("s")) << "an expired session is not there to be removed";
  EXPECT_EQ(code(stage->get("s")), ErrorCode::session_not_found);
}

TEST(MemoryStore, IsBoundedAndMakesRoomByWhatHasExpired) {
  cites(45);
  Stage stage{StoreKind::memory, {.ttl = 100ms, .sessions_max = 2}};
  ASSERT_TRUE(stage->create("a", Json::object()));
  stage.pass(50ms);
  ASSERT_TRUE(stage->ensure("b"));
  const auto third = stage->ensure("c");
  EXPECT_EQ(code(third), ErrorCode::store_full);
  EXPECT_EQ(third.error().message, "2 sessions are there, as many as may be");
  stage.pass(50ms);
  EXPECT_TRUE(stage->ensure("c"));
  EXPECT_EQ(*stage->count(), 2U);
}

}  // namespace
}  // namespace ordeal::pool::store

// What every store promises, each promise a sentence, on each store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "pool/runtime/clock.hpp"
#include "pool/store/tests/stores.hpp"
#include "testing/cites/cites.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool::store {
namespace {

using namespace std::chrono_literals;
using Kind = ProgramChange::Kind;

class AllStores : public ::testing::TestWithParam<StoreKind> {};
INSTANTIATE_TEST_SUITE_P(Stores, AllStores, ::testing::ValuesIn(all_stores),
                         [](const auto& store) { return ::testing::PrintToString(store.param); });

TEST_P(AllStores, ReturnWhatWasCreated) {
  Stage stage{GetParam()};
  const Json data{{"text", "ä\n"}, {"list", {1, 2.5, nullptr, true}}};
  ASSERT_TRUE(stage->create("s", data));
  EXPECT_EQ(*stage->get("s"), data);
  const auto again = stage->create("s", Json::object());
  EXPECT_EQ(code(again), ErrorCode::session_exists);
  EXPECT_EQ(again.error().message, "session \"s\" exists already");
  EXPECT_EQ(*stage->get("s"), data);
}

TEST_P(AllStores, SayWhatIsNotThere) {
  Stage stage{GetParam()};
  const auto found = stage->get("nobody");
  EXPECT_EQ(code(found), ErrorCode::session_not_found);
  EXPECT_EQ(found.error().message, "session \"nobody\" does not exist");
  EXPECT_EQ(code(stage->update("nobody", [](Json&) {})), ErrorCode::session_not_found);
  EXPECT_EQ(code(stage->touch("nobody")), ErrorCode::session_not_found);
  EXPECT_EQ(code(stage->describe("nobody")), ErrorCode::session_not_found);
  EXPECT_EQ(code(stage->complete("nobody", {})), ErrorCode::session_not_found);
  EXPECT_EQ(code(stage->program("nobody", "p")), ErrorCode::session_not_found);
  EXPECT_EQ(code(stage->programs("nobody")), ErrorCode::session_not_found);
  EXPECT_FALSE(*stage->remove("nobody"));
}

TEST_P(AllStores, MakeASessionOnDemandOnce) {
  Stage stage{GetParam()};
  EXPECT_TRUE(*stage->ensure("s"));
  EXPECT_FALSE(*stage->ensure("s"));
  EXPECT_EQ(*stage->get("s"), Json::object());
}

TEST_P(AllStores, RefuseNamesThatAreNone) {
  Stage stage{GetParam()};
  const std::string longest(session_id_bytes_max, 'x');
  EXPECT_TRUE(stage->create(longest, Json::object()));
  const auto longer = stage->create(longest + "x", Json::object());
  EXPECT_EQ(code(longer), ErrorCode::invalid_session);
  EXPECT_EQ(longer.error().message,
            "session \"" + longest.substr(0, 40) + "\": a name of 257 bytes, allowed 1 to 256");
  for (const std::string& name : {std::string{}, longest + "x", std::string{"\xff"}}) {
    EXPECT_EQ(code(stage->create(name, Json::object())), ErrorCode::invalid_session);
    EXPECT_EQ(code(stage->ensure(name)), ErrorCode::invalid_session);
    EXPECT_EQ(code(stage->get(name)), ErrorCode::invalid_session);
    EXPECT_EQ(code(stage->update(name, [](Json&) {})), ErrorCode::invalid_session);
    EXPECT_EQ(code(stage->remove(name)), ErrorCode::invalid_session);
    EXPECT_EQ(code(stage->complete(name, {})), ErrorCode::invalid_session);
  }
  EXPECT_EQ(*stage->count(), 1U);
}

TEST_P(AllStores, TellNamesWithNulBytesApart) {
  Stage stage{GetParam()};
  using std::string_literals::operator""s;
  ASSERT_TRUE(stage->create("a\0b"s, Json{{"n", 1}}));
  ASSERT_TRUE(stage->create("a\0c"s, Json{{"n", 2}}));
  ASSERT_TRUE(stage->create("a", Json{{"n", 3}}));
  EXPECT_EQ((*stage->get("a\0b"s))["n"], 1);
  EXPECT_EQ((*stage->get("a"))["n"], 3);
  EXPECT_EQ(stage->list()->at(1).id, "a\0b"s);
}

TEST_P(AllStores, UpdateAtomicallyAndReturnTheNewData) {
  cites(45);
  Stage stage{GetParam()};
  ASSERT_TRUE(stage->create("s", Json{{"n", 0}}));
  constexpr int threads_count = 4;
  const int increments = GetParam() == StoreKind::memory ? 2000 : 50;
  std::barrier together{threads_count};
  std::vector<std::thread> threads;
  for (int i = 0; i < threads_count; ++i) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      for (int k = 0; k < increments; ++k) {
        const auto done =
            stage->update("s", [](Json& data) { data["n"] = data["n"].get<int>() + 1; });
        EXPECT_TRUE(done);
        EXPECT_TRUE(stage->complete("s", {}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ((*stage->get("s"))["n"], threads_count * increments);
  EXPECT_EQ(stage->describe("s")->operations,
            static_cast<std::uint64_t>(threads_count * increments));
  EXPECT_EQ((*stage->update("s", [](Json& data) { data = {1}; })), Json({1}));
}

TEST_P(AllStores, LeaveEverythingAsItIsWhenAChangeFails) {
  Stage stage{GetParam(), {.value_bytes_max = 100}};
  ASSERT_TRUE(stage->create("s", Json{{"n", 1}}));
  const auto before = *stage->describe("s");
  stage.pass(5s);
  const auto thrown = stage->update("s", [](Json& data) {
    data["n"] = 2;
    throw std::runtime_error("not today");
  });
  EXPECT_EQ(code(thrown), ErrorCode::invalid_session);
  EXPECT_EQ(thrown.error().message, "the change of the session's data failed: not today");
  EXPECT_EQ(code(stage->update("s", [](Json&) { throw 7; })), ErrorCode::invalid_session);
  EXPECT_EQ(code(stage->update("s", [](Json& data) { data["n"] = "\xff"; })),
            ErrorCode::invalid_session);
  const auto too_long = stage->update("s", [](Json& data) { data["n"] = std::string(100, 'x'); });
  EXPECT_EQ(code(too_long), ErrorCode::invalid_session);
  EXPECT_EQ(too_long.error().message, "the session's data have 108 bytes, allowed 100");
  const auto after = *stage->describe("s");
  EXPECT_EQ(after.used_at, before.used_at);
  EXPECT_EQ(*stage->get("s"), Json({{"n", 1}}));
}

TEST_P(AllStores, TellAChangeThatUsesItsOwnStore) {
  Stage stage{GetParam()};
  ASSERT_TRUE(stage->create("s", Json::object()));
  ErrorCode inside = ErrorCode::none;
  EXPECT_TRUE(stage->update("s", [&](Json&) { inside = code(stage->get("s")); }));
  EXPECT_EQ(inside, ErrorCode::would_deadlock);
  EXPECT_TRUE(stage->get("s"));
}

TEST_P(AllStores, ListByNameWithCounts) {
  Stage stage{GetParam()};
  ASSERT_TRUE(stage->create("b", Json::object()));
  const Milliseconds created_at = stage.now();
  stage.pass(7ms);
  ASSERT_TRUE(stage->create("a", Json::object()));
  ASSERT_TRUE(stage->complete("b", {.kind = Kind::put, .program = "p", .record = "{}"}));
  const auto all = *stage->list();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, "a");
  EXPECT_EQ(all[1].id, "b");
  EXPECT_EQ(all[1].created_at, created_at);
  EXPECT_EQ(all[1].used_at, stage.now());
  EXPECT_EQ(all[1].operations, 1U);
  EXPECT_EQ(all[1].programs, 1U);
  EXPECT_EQ(all[0].programs, 0U);
}

TEST_P(AllStores, KeepProgramsToTheByteAndApart) {
  cites(45, 54);
  Stage stage{GetParam(), {.programs_max = 2}};
  ASSERT_TRUE(stage->create("s", Json::object()));
  ASSERT_TRUE(stage->create("t", Json::object()));
  const std::string record = R"({ "n" : 123456789012345678901234567890, "u":"\u00e4" })";
  const ProgramChange put{.kind = Kind::put, .program = "p", .record = record};
  EXPECT_EQ(stage->complete("s", put)->operations, 1U);
  const Program expected{.id = "p", .record = record, .created_at = stage.now()};
  EXPECT_EQ(*stage->program("s", "p"), expected);
  EXPECT_EQ(*stage->program("t", "p"), std::nullopt);

  const auto again = *stage->complete("s", {.kind = Kind::put, .program = "p", .record = "{}"});
  EXPECT_FALSE(again.applied);
  EXPECT_EQ(again.operations, 1U) << "what changed nothing is not counted";
  EXPECT_EQ(stage->program("s", "p")->value().record, record);

  stage.pass(3ms);
  EXPECT_TRUE(stage->complete("s", {.kind = Kind::executed, .program = "p"})->applied);
  EXPECT_EQ(stage->program("s", "p")->value().executions, 1U);
  EXPECT_EQ(stage->program("s", "p")->value().executed_at, stage.now());
  EXPECT_EQ(stage->complete("s", {.kind = Kind::executed, .program = "gone"})->operations, 3U);

  ASSERT_TRUE(stage->complete("s", {.kind = Kind::put, .program = "a", .record = "{}"}));
  EXPECT_EQ(stage->programs("s")->at(0).id, "a");
  const auto third = stage->complete("s", {.kind = Kind::put, .program = "q", .record = "{}"});
  EXPECT_EQ(code(third), ErrorCode::store_full);
  EXPECT_EQ(third.error().message, "session \"s\" has 2 programs, as many as it may");
  EXPECT_EQ(stage->programs("s")->size(), 2U);
  EXPECT_EQ(stage->describe("s")->operations, 4U);

  ASSERT_TRUE(stage->complete("t", put)->applied);
  EXPECT_TRUE(stage->complete("s", {.kind = Kind::remove, .program = "p"})->applied);
  EXPECT_EQ(stage->program("t", "p")->value().record, record) << "it is another session's";
  EXPECT_FALSE(stage->complete("s", {.kind = Kind::remove, .program = "p"})->applied);
  EXPECT_EQ(*stage->program("s", "p"), std::nullopt);
}

TEST_P(AllStores, RemoveASessionWithAllItHas) {
  Stage stage{GetParam()};
  ASSERT_TRUE(stage->create("s", Json{{"n", 1}}));
  ASSERT_TRUE(stage->complete("s", {.kind = Kind::put, .program = "p", .record = "{}"}));
  EXPECT_TRUE(*stage->remove("s"));
  EXPECT_EQ(code(stage->get("s")), ErrorCode::session_not_found);
  EXPECT_TRUE(*stage->ensure("s"));
  EXPECT_TRUE(stage->programs("s")->empty());
  EXPECT_EQ(stage->describe("s")->operations, 0U);
}

TEST_P(AllStores, AreWaitedForUntilTheDeadlineWhileAnotherThreadHasThem) {
  cites(45, 54);
  Stage stage{GetParam()};
  ASSERT_TRUE(stage->create("s", Json{{"n", 1}}));
  std::barrier<> inside{2};
  std::barrier<> leave{2};
  std::thread holder{[&] {
    EXPECT_TRUE(stage->update("s", [&](Json& data) {
      inside.arrive_and_wait();
      data["n"] = 2;
      leave.arrive_and_wait();
    }));
  }};
  inside.arrive_and_wait();
  const auto soon = [] {
    const auto at = runtime::now() + 5ms;
    trial::declare_deadline(at);
    return at;
  };
  EXPECT_EQ(code(stage->get("s", soon())), ErrorCode::store_timeout);
  EXPECT_EQ(code(stage->ensure("t", soon())), ErrorCode::store_timeout);
  EXPECT_EQ(code(stage->update(
                "s", [](Json& data) { data["n"] = 3; }, soon())),
            ErrorCode::store_timeout);
  EXPECT_EQ(code(stage->remove("s", runtime::now() - 1s)), ErrorCode::store_timeout);
  std::thread waiter{[&] {
    EXPECT_EQ(*stage->get("s", runtime::now() + 10min), Json({{"n", 2}}));
  }};
  leave.arrive_and_wait();
  holder.join();
  waiter.join();
  EXPECT_EQ(*stage->get("s", runtime::now() - 1s), Json({{"n", 2}})) << "free: taken, however late";
  EXPECT_EQ(code(stage->describe("t")), ErrorCode::session_not_found) << "nothing had changed";
}

}  // namespace
}  // namespace ordeal::pool::store

// Workers of other protocol versions than the pool's: none at all, 1, 1 and something unheard
// of, 2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

struct Manner {
  std::string name;
  std::vector<std::string> flags;
  bool negotiated;
};
void PrintTo(const Manner& manner, std::ostream* out) { *out << manner.name; }

class Protocol : public ::testing::TestWithParam<Manner> {};

TEST_P(Protocol, ServesCallsAndErrors) {
  cites(11, 17);
  Pool pool = must_start(mock_options(1, GetParam().flags));
  EXPECT_TRUE(echoes(pool));
  const auto error = pool.call("error", Json{{"type", "T"}, {"message", "m"}}, {});
  ASSERT_EQ(code_of(error), ErrorCode::application_error) << describe(error);
  ASSERT_NE(error.error().application, nullptr);
  EXPECT_THAT(error.error().application->message, HasSubstr("m"));
  if (GetParam().negotiated) {
    EXPECT_EQ(error.error().application->type, "T");
  } else {
    EXPECT_EQ(error.error().application->type, "") << "a plain string has no type";
    EXPECT_EQ(error.error().application->traceback, "");
  }
  expect_whole(pool);
}

TEST_P(Protocol, CarriesTheContextIfBothKnowIt) {
  cites_property(16);
  Pool pool = must_start(mock_options(1, GetParam().flags));
  const auto reply = pool.call("context", Json::object(),
                               {.deadline = 8s,
                                .label = "a \"label\"",
                                .traceparent = "00-0af7651916cd43dd8448eb211c80319c"
                                               "-b7ad6b7169203331-01"});
  ASSERT_TRUE(reply) << describe(reply);
  const Json context = *reply->json();
  if (!GetParam().negotiated) {
    EXPECT_TRUE(context["label"].is_null() || context["label"] == "") << context;
    EXPECT_TRUE(context["remaining_ms"].is_null()) << context;
    return;
  }
  EXPECT_EQ(context["label"], "a \"label\"");
  EXPECT_EQ(context["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  EXPECT_EQ(context["attempt"], 1);
  EXPECT_GT(context["remaining_ms"], 1000);
  EXPECT_LE(context["remaining_ms"], 8000);
}

TEST_P(Protocol, ATimeOutNeverMixesUpReplies) {
  cites(11, 12);
  cites_bug_class(2);
  Pool pool = must_start(mock_options(1, GetParam().flags));
  const auto late = pool.call("late_reply", Json{{"ms", 100}}, {.deadline = 40ms});
  EXPECT_EQ(code_of(late), ErrorCode::call_timeout) << describe(late);
  EXPECT_TRUE(echoes(pool, {.deadline = patience}));
  // Waits for its cancel, if it knows of such a thing.
  const auto cancelled = pool.call(GetParam().negotiated ? "wait_cancel" : "sleep",
                                   Json{{"ms", 60'000}}, {.deadline = 40ms});
  EXPECT_EQ(code_of(cancelled), ErrorCode::call_timeout) << describe(cancelled);
  EXPECT_TRUE(echoes(pool, {.deadline = patience}));
  // Only a worker that knows cancel survives a wait of a minute.
  EXPECT_EQ(pool.status().workers_lost, GetParam().negotiated ? 0U : 1U);
  expect_whole(pool);
}

INSTANTIATE_TEST_SUITE_P(, Protocol,
                         ::testing::Values(Manner{"None", {"--protocol", "none"}, false},
                                           Manner{"One", {"--protocol", "1"}, true},
                                           Manner{"OneAndAnUnknownCapability",
                                                  {"--protocol", "1", "--extra-capability",
                                                   "telepathy", "--extra-capability", "chunk"},
                                                  true}),
                         [](const auto& row_info) { return row_info.param.name; });

TEST(ProtocolTwo, IsRefusedWithBothNumbers) {
  const auto pool = Pool::start(recorded(mock_options(1, {"--protocol", "2"})));
  ASSERT_FALSE(pool);
  EXPECT_EQ(to_string(pool.error().code), to_string(ErrorCode::protocol_unsupported));
  EXPECT_THAT(pool.error().message, HasSubstr("worker insists on protocol 2, this pool speaks up "
                                              "to 1"));
}

}  // namespace
}  // namespace ordeal::pool

#include "pool/wire/reply.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <vector>

#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

TEST(Reply, HandsTheResultThroughAsItWasWritten) {
  cites(15);
  for (const std::string_view result :
       {"{ \"a\" : 1.0, \"a\":\"\\u00e9\" }", "null", "[]", "12345678901234567890123",
        "\"\\ud800\"", "NaN", "[Infinity,-Infinity]", "false"}) {
    const std::string frame = success(7, result);
    const auto reply = decode_reply(std::string_view(frame).substr(header_bytes));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->id, 7U);
    EXPECT_TRUE(reply->success);
    EXPECT_EQ(reply->result, result);
  }
}

TEST(Reply, TakesMembersInAnyOrderWithBlanksAndIgnoresOthers) {
  const auto reply = decode_reply(
      " { \"x\" : [ 1 ] , \"x\":2, \"result\" : {} , \"\\u0069d\" : 18446744073709551615 ,\n"
      "\"error\":5, \"success\" : true } ");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->id, 18446744073709551615U);
  EXPECT_EQ(reply->result, "{}");
}

TEST(Reply, WithAPlainErrorHasItAsMessage) {
  const auto reply =
      decode_reply(R"({"id":1,"success":false,"error":"Program \"x\" \u00e9\udc80","result":1})");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_FALSE(reply->success);
  EXPECT_EQ(reply->error->message, "Program \"x\" \xc3\xa9\xef\xbf\xbd");
  EXPECT_EQ(reply->error->type, "");
  EXPECT_EQ(reply->error->retryable, std::nullopt);
}

TEST(Reply, WithAnErrorObjectHasItsMembers) {
  const auto reply = decode_reply(
      R"({"id":1,"success":false,"error":{"type":"KeyError","message":"'a'","retryable":true,)"
      R"("traceback":"Traceback\n  line"}})");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->error->type, "KeyError");
  EXPECT_EQ(reply->error->message, "'a'");
  EXPECT_EQ(reply->error->traceback, "Traceback\n  line");
  EXPECT_EQ(reply->error->retryable, true);
}

TEST(Reply, SaysWhenTryingAgainMayHelpIfItIsANumberOfMilliseconds) {
  const auto hint = [](const std::string& value) {
    const std::string body =
        R"({"id":1,"success":false,"error":{"message":"busy","retry_after_ms":)" + value + "}}";
    const auto reply = decode_reply(body);
    return reply && reply->error ? reply->error->retry_after : std::nullopt;
  };
  EXPECT_EQ(hint("2500"), std::chrono::milliseconds{2500});
  EXPECT_EQ(hint("0"), std::chrono::milliseconds{0});
  EXPECT_EQ(hint("18446744073709551615"), std::chrono::hours{24}) << "bounded";
  for (const char* odd : {"-1", "1.5", "\"2500\"", "null", "1e3"}) {
    EXPECT_EQ(hint(odd), std::nullopt) << odd;
  }
}

TEST(Reply, WithAnOddErrorObjectLosesNothing) {
  const auto reply = decode_reply(
      R"({"id":1,"success":false,"error":{"type":5,"traceback":null,"retryable":"no","code":3}})");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->error->type, "");
  EXPECT_EQ(reply->error->retryable, std::nullopt);
  EXPECT_EQ(reply->error->message, R"({"type":5,"traceback":null,"retryable":"no","code":3})");
}

struct Wrong {
  std::string_view body;
  ErrorCode code;
  std::string_view message;
};

TEST(Reply, ThatBreaksTheRulesIsToldHow) {
  cites(14);
  constexpr auto frame = ErrorCode::malformed_frame;
  constexpr auto shape = ErrorCode::malformed_reply;
  for (const auto& [body, code, message] : std::vector<Wrong>{
           {"hello", frame, "frame of 5 bytes is not JSON: a value cannot be read at byte 0"},
           {"{\"id\":1", frame,
            "frame of 7 bytes is not JSON: a comma or a closing bracket is missing at byte 7"},
           {"{\"id\":1,\"success\":true,\"result\":tru}", frame,
            "frame of 36 bytes is not JSON: a value cannot be read at byte 32"},
           {"{\"id\":1,\"success\":true,\"result\":1}\n{}", frame,
            "frame of 37 bytes is not JSON: text goes on behind its value at byte 35"},
           {"{\"id\":1,\"success\":true,\"result\":\"\xff\"}", frame,
            "frame of 36 bytes is not JSON: bytes are not UTF-8 at byte 33"},
           {"[]", shape, "reply must be an object, not an array"},
           {"5", shape, "reply must be an object, not a number"},
           {"null", shape, "reply must be an object, not null"},
           {"{}", shape, "reply has no id"},
           {"{\"success\":true,\"result\":1}", shape, "reply has no id"},
           {"{\"id\":null,\"success\":true,\"result\":1}", shape,
            "reply's id must be an integer from 0 to 18446744073709551615, not null"},
           {"{\"id\":1.0,\"success\":true,\"result\":1}", shape,
            "reply's id must be an integer from 0 to 18446744073709551615, not 1.0"},
           {"{\"id\":1e0,\"success\":true,\"result\":1}", shape,
            "reply's id must be an integer from 0 to 18446744073709551615, not 1e0"},
           {"{\"id\":-1,\"success\":true,\"result\":1}", shape,
            "reply's id must be an integer from 0 to 18446744073709551615, not -1"},
           {"{\"id\":18446744073709551616,\"success\":true,\"result\":1}", shape,
            "reply's id must be an integer from 0 to 18446744073709551615, "
            "not 18446744073709551616"},
           {"{\"id\":\"1\",\"success\":true,\"result\":1}", shape,
            "reply's id must be an integer from 0 to 18446744073709551615, not \"1\""},
           {"{\"id\":1,\"result\":1}", shape, "reply 1 has no success"},
           {"{\"id\":1,\"success\":1,\"result\":1}", shape,
            "reply 1's success must be true or false, not 1"},
           {"{\"id\":1,\"success\":true}", shape, "reply 1 is a success without a result"},
           {"{\"id\":1,\"success\":false}", shape, "reply 1 is a failure without an error"},
           {"{\"id\":1,\"success\":false,\"error\":null}", shape,
            "reply 1's error must be a string or an object, not null"},
           {"{\"id\":1,\"success\":false,\"error\":[]}", shape,
            "reply 1's error must be a string or an object, not an array"},
           {"{\"id\":1,\"id\":1,\"success\":true,\"result\":1}", shape,
            "reply has the member id twice"},
           {"{\"id\":1,\"success\":true,\"result\":1,\"result\":1}", shape,
            "reply has the member result twice"},
           {"{\"id\":1,\"success\":true,\"\\u0073uccess\":true,\"result\":1}", shape,
            "reply has the member success twice"},
           {"{\"id\":1,\"success\":false,\"error\":\"\",\"error\":\"\"}", shape,
            "reply has the member error twice"},
       }) {
    const auto reply = decode_reply(body);
    ASSERT_FALSE(reply) << body;
    EXPECT_EQ(reply.error().code, code) << body;
    EXPECT_EQ(reply.error().message, message);
    EXPECT_FALSE(reply.error().excerpt.empty());
  }
}

TEST(Reply, OfAnErlangTermIsMalformed) {
  const auto reply = decode_reply("\x83h\x02");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::malformed_frame);
  EXPECT_EQ(reply.error().excerpt, "\\x83h\\x02");
}

TEST(Reply, ThatIsWrongShowsItsFirstBytesOnly) {
  const auto reply = decode_reply("[\"" + std::string(10'000, '\x7f') + "\"]");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().excerpt.size(), 197U);
  EXPECT_TRUE(reply.error().excerpt.starts_with("[\"\\x7f"));
}

}  // namespace
}  // namespace ordeal::pool::wire

#include "pool/wire/request.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

constexpr std::string_view noon = "2026-11-23T12:00:00.000Z";

Request request_of(std::string_view command, std::string_view args) {
  Request request;
  request.id = 7;
  request.command = command;
  request.args = args;
  request.timestamp = noon;
  return request;
}

std::string body_of(const std::string& frame) {
  EXPECT_EQ(load_length(frame.data()), frame.size() - header_bytes);
  return frame.substr(header_bytes);
}

TEST(Request, HasTheMembersOfDspexInItsOrder) {
  std::string out;
  ASSERT_TRUE(encode_request(out, request_of("echo", "{\"n\": 1 }"), 1000));
  EXPECT_EQ(body_of(out),
            "{\"id\":7,\"command\":\"echo\",\"args\":{\"n\": 1 },"
            "\"timestamp\":\"2026-11-23T12:00:00.000Z\"}");
}

TEST(Request, CarriesAContextOnlyIfGivenAndOnlyWhatIsSet) {
  std::string out;
  Context context;
  Request request = request_of("echo", "{}");
  request.context = &context;
  ASSERT_TRUE(encode_request(out, request, 1000));
  EXPECT_THAT(body_of(out), ::testing::EndsWith("\"timestamp\":\"2026-11-23T12:00:00.000Z\"}"));
  context.label = "night \"run\"";
  ASSERT_TRUE(encode_request(out, request, 1000));
  EXPECT_THAT(body_of(out), ::testing::EndsWith(",\"context\":{\"label\":\"night \\\"run\\\"\"}}"));
  context = {.deadline_ms = 0, .attempt = 2, .label = "l", .traceparent = "00-1", .session = "s"};
  ASSERT_TRUE(encode_request(out, request, 1000));
  EXPECT_THAT(body_of(out),
              ::testing::EndsWith(",\"context\":{\"deadline_ms\":0,\"attempt\":2,\"label\":\"l\","
                                  "\"traceparent\":\"00-1\",\"session\":\"s\"}}"));
}

TEST(Request, EscapesWhatMustBeEscaped) {
  cites(15);
  std::string all;
  for (int c = 0; c < 0x80; ++c) all += static_cast<char>(c);
  all += "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  std::string out;
  ASSERT_TRUE(encode_request(out, request_of(all, "{}"), 1000));
  EXPECT_EQ(nlohmann::json::parse(body_of(out))["command"], all);
}

TEST(Request, RefusesTextThatIsNotUtf8) {
  cites(16);
  std::string out = "old";
  const auto failed = encode_request(out, request_of("ec\xffho", "{}"), 1000);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::unencodable_arguments);
  EXPECT_EQ(failed.error().message, "command is not UTF-8 at byte 2 of 5");
  EXPECT_EQ(failed.error().excerpt, "ec\\xffho");
  EXPECT_EQ(out, "");
  Context context;
  context.label = "\xc3";
  Request request = request_of("echo", "{}");
  request.context = &context;
  EXPECT_EQ(encode_request(out, request, 1000).error().message,
            "label is not UTF-8 at byte 0 of 1");
}

TEST(Request, RefusesArgumentsThatAreNoJsonObject) {
  cites(16);
  std::string out;
  const auto failed = encode_request(out, request_of("echo", "{\"a\":1"), 1000);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::invalid_arguments);
  EXPECT_EQ(failed.error().message,
            "args must be a JSON object: a comma or a closing bracket is missing at byte 6");
  EXPECT_EQ(failed.error().excerpt, "{\"a\":1");
  EXPECT_EQ(out, "");
  EXPECT_EQ(validate_json_object("[1]").error().message,
            "args must be a JSON object: it is an array");
  EXPECT_EQ(validate_json_object("null").error().message, "args must be a JSON object: it is null");
  EXPECT_EQ(validate_json_object("{\"a\":NaN}").error().message,
            "args must be a JSON object: a value cannot be read at byte 5");
}

TEST(Request, BelievesArgumentsThatAreSaidToBeTrusted) {
  std::string out;
  Request request = request_of("echo", "{\"a\":");
  request.args_trusted = true;
  EXPECT_TRUE(encode_request(out, request, 1000));
}

TEST(Request, AddsASessionBehindTheMembersOfItsArgumentsAndLeavesThoseAlone) {
  cites(15);
  const auto args_of = [](std::string_view args, std::string_view session) {
    std::string out;
    Request request = request_of("echo", args);
    request.args_session = session;
    EXPECT_TRUE(encode_request(out, request, 1000));
    constexpr std::string_view before = R"({"id":7,"command":"echo","args":)";
    const std::string body = body_of(out);
    return body.substr(before.size(), body.find(",\"timestamp\"") - before.size());
  };
  EXPECT_EQ(args_of("{}", "s"), R"({"session_id":"s"})");
  EXPECT_EQ(args_of(" {\n\t\r } ", "s"), " {\n\t\r \"session_id\":\"s\"}");
  EXPECT_EQ(args_of(R"({"a":1e400, "b":"}"} )", "s"), R"({"a":1e400, "b":"}","session_id":"s"})");
  EXPECT_EQ(args_of(R"({"a":{}})", "s"), R"({"a":{},"session_id":"s"})");
  EXPECT_EQ(args_of("{}", "a\"\n"), R"({"session_id":"a\"\n"})");
  EXPECT_EQ(args_of(R"({"a":1})", ""), R"({"a":1})") << "no session, nothing added";
}

TEST(Request, CountsTheSessionThatIsAddedAndChecksItAndItsArguments) {
  cites(16);
  std::string whole;
  std::string out;
  ASSERT_TRUE(encode_request(whole, request_of("echo", R"({"a":1,"session_id":"s"})"), 1000));
  Request request = request_of("echo", R"({"a":1} )");
  request.args_session = "s";
  const auto bytes = static_cast<std::uint32_t>(whole.size() - header_bytes);
  ASSERT_TRUE(encode_request(out, request, bytes));
  EXPECT_EQ(out, whole);
  EXPECT_EQ(encode_request(out, request, bytes - 1).error().code, ErrorCode::request_too_large);
  for (const char* none : {"", "[]", "{", "}", "null", R"({"a":})"}) {
    request.args = none;
    EXPECT_EQ(encode_request(out, request, 1000).error().code, ErrorCode::invalid_arguments)
        << none;
    EXPECT_EQ(out, "");
  }
  request.args = "{}";
  request.args_session = "\xff";
  EXPECT_EQ(encode_request(out, request, 1000).error().message,
            "session is not UTF-8 at byte 0 of 1");
}

TEST(Request, OfExactlyTheLimitIsTheLargest) {
  cites(16);
  std::string out;
  const Request request = request_of("echo", "{}");
  ASSERT_TRUE(encode_request(out, request, 1000));
  const auto bytes = static_cast<std::uint32_t>(out.size() - header_bytes);
  EXPECT_TRUE(encode_request(out, request, bytes));
  const auto failed = encode_request(out, request, bytes - 1);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::request_too_large);
  EXPECT_EQ(failed.error().message, "request of 74 bytes exceeds frame_bytes_max 73");
  EXPECT_EQ(out, "");
}

TEST(Request, IsFoundTooLargeBeforeItsArgumentsAreCopiedOrLookedAt) {
  std::string out;
  const std::string args(10'000'000, '{');
  const auto failed = encode_request(out, request_of("echo", args), 1000);
  EXPECT_EQ(failed.error().code, ErrorCode::request_too_large);
  EXPECT_EQ(failed.error().message, "request of 10000072 bytes exceeds frame_bytes_max 1000");
  EXPECT_LT(out.capacity(), 1000U);
}

TEST(Ping, OffersProtocolAndCapabilities) {
  std::string out;
  ASSERT_TRUE(encode_ping(out, "7",
                          Capabilities().add(Capability::cancel).add(Capability::progress), noon));
  EXPECT_EQ(body_of(out),
            "{\"id\":0,\"command\":\"ping\",\"args\":{\"initialization\":true,\"worker_id\":\"7\","
            "\"ordeal\":{\"protocol\":1,\"capabilities\":[\"cancel\",\"progress\"]}},"
            "\"timestamp\":\"2026-11-23T12:00:00.000Z\"}");
  ASSERT_TRUE(encode_ping(out, "7", Capabilities().add(Capability::heartbeat), noon,
                          {.heartbeat_ms = 200}));
  EXPECT_THAT(body_of(out),
              testing::HasSubstr(R"("capabilities":["heartbeat"],"heartbeat_ms":200}})"));
  ASSERT_TRUE(encode_ping(out, "7", {}, noon, {.spin_us = 50}));
  EXPECT_THAT(body_of(out), testing::HasSubstr(R"("capabilities":[],"spin_us":50}})"));
  EXPECT_EQ(encode_ping(out, "\xff", {}, noon).error().message,
            "worker_id is not UTF-8 at byte 0 of 1");
}

TEST(Cancel, NamesTheRequestInHand) {
  std::string out;
  encode_cancel(out, 18446744073709551615U);
  EXPECT_EQ(body_of(out), "{\"id\":18446744073709551615,\"command\":\"$cancel\",\"args\":{}}");
}

TEST(Shutdown, NamesTheWorker) {
  std::string out;
  ASSERT_TRUE(encode_shutdown(out, 9, "7", noon));
  EXPECT_EQ(body_of(out),
            "{\"id\":9,\"command\":\"shutdown\",\"args\":{\"worker_id\":\"7\"},"
            "\"timestamp\":\"2026-11-23T12:00:00.000Z\"}");
}

}  // namespace
}  // namespace ordeal::pool::wire

#include "pool/wire/handshake.hpp"

#include <gmock/gmock.h>

#include <vector>

#include "pool/wire/exchange.hpp"
#include "pool/wire/request.hpp"
#include "pool/wire/tests/wire_stage.hpp"

namespace ordeal::pool::wire {
namespace {

TEST(Handshake, WithTheKitAgreesOnWhatWasOfferedAndClaimed) {
  const Capabilities offered = Capabilities().add(Capability::cancel).add(Capability::context);
  const auto handshake = decode_handshake(
      R"({"status":"ok","ordeal":{"protocol":1,"capabilities":["context","progress","magic",5],)"
      R"("slots":4}})",
      offered);
  ASSERT_TRUE(handshake) << handshake.error().message;
  EXPECT_EQ(handshake->protocol, 1U);
  EXPECT_EQ(handshake->agreed, Capabilities().add(Capability::context));
  EXPECT_EQ(handshake->slots, 4U);
}

TEST(Handshake, WithADspexBridgeAgreesOnNothingAndIsReady) {
  for (const std::string_view result :
       {R"({"status":"ok","timestamp":1700000000.5,"dspy_available":true,"uptime":NaN})", "{}",
        R"({"status":"starting"})"}) {
    const auto handshake = decode_handshake(result, Capabilities::all());
    ASSERT_TRUE(handshake) << handshake.error().message;
    EXPECT_EQ(handshake->protocol, std::nullopt);
    EXPECT_EQ(handshake->agreed, Capabilities());
    EXPECT_EQ(handshake->slots, 1U);
  }
}

TEST(Handshake, RefusesANewerProtocolAndNamesBoth) {
  const auto handshake = decode_handshake(R"({"ordeal":{"protocol":2}})", Capabilities::all());
  ASSERT_FALSE(handshake);
  EXPECT_EQ(handshake.error().code, ErrorCode::protocol_unsupported);
  EXPECT_EQ(handshake.error().message, "worker insists on protocol 2, this pool speaks up to 1");
}

TEST(Handshake, RefusesTermsThatMakeNoSense) {
  struct Case {
    std::string_view result;
    std::string_view message;
  };
  for (const auto& [result, message] : std::vector<Case>{
           {"[]", "handshake failed: result must be an object, not an array"},
           {"\"ok\"", "handshake failed: result must be an object, not a string"},
           {R"({"ordeal":1})", "handshake failed: ordeal must be an object"},
           {R"({"ordeal":{}})",
            "handshake failed: ordeal.protocol must be an integer of at least 1, not nothing"},
           {R"({"ordeal":{"protocol":0}})",
            "handshake failed: ordeal.protocol must be an integer of at least 1, not 0"},
           {R"({"ordeal":{"protocol":"1"}})",
            "handshake failed: ordeal.protocol must be an integer of at least 1, not \"1\""},
           {R"({"ordeal":{"protocol":1,"capabilities":{}}})",
            "handshake failed: ordeal.capabilities must be an array, not {}"},
           {R"({"ordeal":{"protocol":1,"slots":0}})",
            "handshake failed: ordeal.slots must be an integer from 1 to 1024, not 0"},
           {R"({"ordeal":{"protocol":1,"slots":1025}})",
            "handshake failed: ordeal.slots must be an integer from 1 to 1024, not 1025"},
           {R"({"ordeal":{"protocol":1,"slots":1.5}})",
            "handshake failed: ordeal.slots must be an integer from 1 to 1024, not 1.5"},
       }) {
    const auto handshake = decode_handshake(result, Capabilities::all());
    ASSERT_FALSE(handshake) << result;
    EXPECT_EQ(handshake.error().code, ErrorCode::handshake_failed);
    EXPECT_EQ(handshake.error().message, message);
    EXPECT_EQ(handshake.error().category(), ErrorCategory::initialization);
  }
}

// The whole way: ping out, bytes in.
Result<Handshake> handshake_over(std::string_view answer) {
  std::string ping;
  EXPECT_TRUE(encode_ping(ping, "7", Capabilities::all(), "t"));
  Channel channel(1000);
  start_written(channel, 0, ping);
  feed(channel, answer);
  if (!channel.result()) channel.on_end_of_file();
  return judge_handshake(*channel.result(), Capabilities::all());
}

TEST(Handshake, IsMadeOverAChannel) {
  const auto handshake = handshake_over(
      success(0, R"({"ordeal":{"protocol":1,"capabilities":["cancel"],"slots":1}})"));
  ASSERT_TRUE(handshake) << handshake.error().message;
  EXPECT_TRUE(handshake->agreed.has(Capability::cancel));
}

TEST(Handshake, FailsWithTheWorkersOwnWords) {
  const auto handshake = handshake_over(failure(0, "\"no module named dspy\""));
  EXPECT_EQ(handshake.error().code, ErrorCode::handshake_failed);
  EXPECT_EQ(handshake.error().message, "handshake failed: no module named dspy");
}

TEST(Handshake, FailsIfTheAnswerHasAnotherIdOrIsFollowedByNoise) {
  EXPECT_EQ(handshake_over(success(1, "{}")).error().message,
            "handshake failed: worker answered request 1, it had request 0");
  EXPECT_EQ(handshake_over(success(0, "{}") + "noise").error().message,
            "handshake failed: worker wrote 5 bytes that nobody asked for");
}

TEST(Handshake, TellsAnEndOfTheStreamApart) {
  const auto handshake = handshake_over("");
  EXPECT_EQ(handshake.error().code, ErrorCode::start_exited);
  EXPECT_EQ(handshake.error().message,
            "handshake failed: worker closed its stream with request 0 in its hands");
}

TEST(Handshake, ThatTakesTooLongIsAStartTimeout) {
  std::string ping;
  ASSERT_TRUE(encode_ping(ping, "7", {}, "t"));
  Channel channel(1000);
  start_written(channel, 0, ping);
  channel.on_deadline();
  EXPECT_EQ(judge_handshake(*channel.result(), {}).error().code, ErrorCode::start_timeout);
}

TEST(Handshake, OverAChannelAgreesOnNothingThatWasNotOffered) {
  ExchangeResult answered;
  answered.progress = core::WireProgress::written;
  answered.reply = R"({"ordeal":{"protocol":1,"capabilities":["cancel","context"],"slots":1}})";
  const auto handshake = judge_handshake(answered, Capabilities().add(Capability::context));
  ASSERT_TRUE(handshake) << handshake.error().message;
  EXPECT_TRUE(handshake->agreed.has(Capability::context));
  EXPECT_FALSE(handshake->agreed.has(Capability::cancel))
      << "the worker claims it, nobody offered it";
}

}  // namespace
}  // namespace ordeal::pool::wire

// Giving up at every byte of request and reply: bug class 2, exhaustively.
//
// The worker here is honest: it answers each request that reached it whole, once, with its id and
// nonce. Whatever the moment at which its caller gave up, the next caller on the same channel gets
// its own answer, or the channel says that the worker must go.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

using core::ExchangeVerdict;
using core::WireProgress;

using GiveUp = void (Channel::*)();
constexpr GiveUp all_ways[] = {&Channel::on_deadline, &Channel::on_cancel};

using Answer = std::function<std::string(std::uint64_t id)>;
const Answer both_answers[] = {
    [](std::uint64_t id) { return success(id, "{\"nonce\":\"n" + std::to_string(id) + "\"}"); },
    [](std::uint64_t id) { return failure(id, "\"n" + std::to_string(id) + "\""); },
};

const std::string request = framed(R"({"id":7,"command":"echo","args":{"nonce":"n7"}})");

void expect_own_answer(Channel& channel, std::uint64_t id, const Answer& answer,
                       std::size_t chunk) {
  ASSERT_TRUE(channel.can_start());
  start_written(channel, id, request);
  ASSERT_FALSE(channel.result());
  feed(channel, answer(id), chunk);
  ASSERT_TRUE(channel.result());
  ASSERT_EQ(channel.result()->code, ErrorCode::none) << channel.result()->message;
  const std::string nonce = "n" + std::to_string(id);
  if (channel.result()->verdict == ExchangeVerdict::replied) {
    ASSERT_EQ(channel.result()->reply, "{\"nonce\":\"" + nonce + "\"}");
  } else {
    ASSERT_EQ(channel.result()->application->message, nonce);
  }
}

TEST(GivingUp, AtAnyByteOfTheRequestIsToldByHowMuchWasWritten) {
  cites(12);
  cites_bug_class(2);
  for (const GiveUp give_up : all_ways) {
    for (std::size_t written = 0; written < request.size(); ++written) {
      Channel channel(1000);
      channel.start(7, request, core::never);
      channel.on_written(written);
      (channel.*give_up)();
      ASSERT_TRUE(channel.result());
      ASSERT_FALSE(channel.result()->is_late());
      if (written == 0) {
        ASSERT_EQ(channel.result()->progress, WireProgress::untouched);
        expect_own_answer(channel, 8, both_answers[0], SIZE_MAX);
      } else {
        ASSERT_EQ(channel.result()->progress, WireProgress::partial);
        ASSERT_FALSE(channel.can_start()) << "the stream is out of step";
      }
    }
  }
}

TEST(GivingUp, AtAnyByteOfTheReplyLeavesTheNextCallerItsOwnAnswer) {
  cites(11, 12);
  cites_bug_class(2);
  for (const Answer& answer : both_answers) {
    const std::string reply = answer(7);
    for (const GiveUp give_up : all_ways) {
      for (const std::size_t chunk : {1U, 3U, 1000U}) {
        for (std::size_t came = 0; came < reply.size(); ++came) {
          Channel channel(1000);
          start_written(channel, 7, request);
          feed(channel, std::string_view(reply).substr(0, came), chunk);
          ASSERT_FALSE(channel.result());
          (channel.*give_up)();
          ASSERT_TRUE(channel.result()->is_late());
          ASSERT_FALSE(channel.can_start());
          channel.begin_drain();
          ASSERT_FALSE(channel.drained());
          ASSERT_FALSE(channel.can_start());
          feed(channel, std::string_view(reply).substr(came), chunk);
          ASSERT_TRUE(channel.drained()) << channel.fault().message;
          expect_own_answer(channel, 8, answer, chunk);
        }
      }
    }
  }
}

TEST(GivingUp, AfterTheLastByteOfTheReplyIsTooLate) {
  cites(11);
  for (const GiveUp give_up : all_ways) {
    Channel channel(1000);
    start_written(channel, 7, request);
    feed(channel, both_answers[0](7));
    (channel.*give_up)();
    ASSERT_EQ(channel.result()->verdict, ExchangeVerdict::replied);
    expect_own_answer(channel, 8, both_answers[1], SIZE_MAX);
  }
}

TEST(GivingUp, AndThenTheEndOfTheStreamAtAnyByteNeverMakesAWorkerUsable) {
  cites(12);
  const std::string reply = both_answers[0](7);
  for (std::size_t came = 0; came < reply.size(); ++came) {
    for (std::size_t more = came; more < reply.size(); ++more) {
      Channel channel(1000);
      start_written(channel, 7, request);
      feed(channel, std::string_view(reply).substr(0, came));
      channel.on_deadline();
      channel.begin_drain();
      feed(channel, std::string_view(reply).substr(came, more - came));
      channel.on_end_of_file();
      ASSERT_FALSE(channel.drained());
      ASSERT_FALSE(channel.can_start());
      ASSERT_EQ(channel.fault().code,
                more == 0 ? ErrorCode::worker_closed_stream : ErrorCode::truncated_reply);
    }
  }
}

TEST(GivingUp, OnALongReplyAtChosenBytesLeavesTheNextCallerItsOwnAnswer) {
  cites(12);
  const std::string reply = success(7, "\"" + std::string(2'000'000, 'x') + "\"");
  for (const std::size_t came : {0U, 3U, 4U, 5U, 65'535U, 65'540U, 1'048'580U, 1'999'999U}) {
    Channel channel(3'000'000);
    start_written(channel, 7, request);
    feed(channel, std::string_view(reply).substr(0, came));
    channel.on_deadline();
    channel.begin_drain();
    feed(channel, std::string_view(reply).substr(came));
    ASSERT_TRUE(channel.drained()) << came;
    expect_own_answer(channel, 8, both_answers[0], SIZE_MAX);
  }
}

}  // namespace
}  // namespace ordeal::pool::wire

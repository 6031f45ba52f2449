// What happens to the reply of a request that its caller has given up.
#include <gmock/gmock.h>

#include "pool/wire/exchange.hpp"
#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

constexpr std::uint32_t frame_bytes_max = 8 * 1024 * 1024;
const std::string request(50, 'q');

// Request 7 was written whole and given up; some of the reply may have come before.
struct Late : ::testing::Test {
  Late() { start_written(channel, 7, request); }

  void give_up_and_drain() {
    channel.on_deadline();
    ASSERT_TRUE(channel.result()->is_late());
    channel.begin_drain();
  }
  void expect_fault(ErrorCode code, std::string_view message) const {
    EXPECT_EQ(to_string(channel.fault().code), to_string(code));
    EXPECT_EQ(channel.fault().message, message);
    EXPECT_FALSE(channel.is_draining())
        << "a driver that reads while it drains must come to an end";
    EXPECT_FALSE(channel.drained());
    EXPECT_FALSE(channel.can_start());
  }

  Channel channel{frame_bytes_max};
};

TEST_F(Late, ReplyIsDiscardedAndTheNextRequestGetsItsOwn) {
  cites(12);
  give_up_and_drain();
  EXPECT_TRUE(channel.is_draining());
  EXPECT_FALSE(channel.drained());
  EXPECT_FALSE(channel.can_start());
  feed(channel, success(7, "\"late\""), 5);
  EXPECT_TRUE(channel.drained());
  EXPECT_FALSE(channel.is_draining());
  ASSERT_TRUE(channel.can_start());
  start_written(channel, 8, request);
  feed(channel, success(8, "\"mine\""));
  EXPECT_EQ(channel.result()->reply, "\"mine\"");
}

TEST_F(Late, ReplyMayBeAnError) {
  give_up_and_drain();
  feed(channel, failure(7, "{\"type\":\"Cancelled\"}"));
  EXPECT_TRUE(channel.drained());
}

TEST_F(Late, ReplyThatWasReadBetweenDeadlineAndDrainIsFound) {
  cites(12);
  channel.on_deadline();
  feed(channel, success(7, "1"));
  EXPECT_EQ(channel.result()->verdict, core::ExchangeVerdict::timed_out);
  channel.begin_drain();
  EXPECT_TRUE(channel.drained());
}

TEST_F(Late, ReplyThatIsLongIsNeverKept) {
  cites(12);
  const std::string reply = success(7, "\"" + std::string(4'000'000, 'x') + "\"");
  feed(channel, std::string_view(reply).substr(0, 300'000));
  give_up_and_drain();
  std::size_t taken = 300'000;
  while (taken < reply.size()) {
    ASSERT_FALSE(channel.drained());
    ASSERT_LE(channel.read_space().size(), chunk_bytes);
    taken += feed(channel, std::string_view(reply).substr(taken, 100'000));
  }
  EXPECT_TRUE(channel.drained());
  EXPECT_LE(channel.read_space().size(), chunk_bytes);
  start_written(channel, 8, request);
  feed(channel, reply.substr(0, header_bytes) + "{\"id\":8" + reply.substr(header_bytes + 7));
  EXPECT_EQ(channel.result()->reply.size(), 4'000'002U)
      << "what is long is discarded while draining, and only then";
}

TEST_F(Late, ReplyWithAnotherIdIsAFault) {
  cites(12);
  give_up_and_drain();
  feed(channel, success(6, "1"));
  expect_fault(ErrorCode::reply_id_mismatch, "worker answered request 6, it had request 7");
  feed(channel, success(7, "1"));
  EXPECT_FALSE(channel.drained()) << "a fault is for ever";
}

TEST_F(Late, ReplyThatIsGarbageIsAFault) {
  cites(14);
  give_up_and_drain();
  feed(channel, framed("nope"));
  expect_fault(ErrorCode::malformed_frame,
               "frame of 4 bytes is not JSON: a value cannot be read at byte 0");
}

TEST_F(Late, ReplyWithoutShapeIsAFault) {
  give_up_and_drain();
  feed(channel, framed("{\"id\":7}"));
  expect_fault(ErrorCode::malformed_reply, "reply 7 has no success");
}

TEST_F(Late, ReplyAboveTheLimitIsAFaultAtOnce) {
  cites(14);
  give_up_and_drain();
  feed(channel, header_of(frame_bytes_max + 1));
  expect_fault(ErrorCode::reply_too_large,
               "reply of 8388609 bytes exceeds frame_bytes_max 8388608");
}

TEST_F(Late, ReplyOfNoBytesIsAFault) {
  give_up_and_drain();
  feed(channel, header_of(0));
  expect_fault(ErrorCode::malformed_frame, "frame has a length of 0");
}

TEST_F(Late, ReplyWithBytesBehindItIsAFault) {
  cites(12);
  give_up_and_drain();
  feed(channel, success(7, "1") + success(7, "1"));
  expect_fault(ErrorCode::stray_output, "worker wrote 65 bytes that nobody asked for");
}

TEST_F(Late, LongReplyWithBytesBehindItIsAFault) {
  give_up_and_drain();
  feed(channel, success(7, "\"" + std::string(2'000'000, 'x') + "\"") + "?", 60'000);
  expect_fault(ErrorCode::stray_output, "worker wrote 1 bytes that nobody asked for");
}

TEST_F(Late, ReplyThatNeverEndsIsAFaultWhenTheStreamDoes) {
  const std::string reply = success(7, "\"" + std::string(2'000'000, 'x') + "\"");
  give_up_and_drain();
  feed(channel, std::string_view(reply).substr(0, 1'500'004));
  channel.on_end_of_file();
  expect_fault(ErrorCode::truncated_reply,
               "worker closed its stream in the middle of a frame: 1500000 of 2000062 bytes came");
}

TEST_F(Late, ReplyThatNeverComesIsAFaultWhenTheWorkerDies) {
  give_up_and_drain();
  channel.on_deadline();
  channel.on_cancel();
  channel.on_worker_gone();
  expect_fault(ErrorCode::worker_died, "worker died after request 7");
}

}  // namespace
}  // namespace ordeal::pool::wire

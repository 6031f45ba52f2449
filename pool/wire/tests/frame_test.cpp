#include "pool/wire/frame.hpp"

#include <gmock/gmock.h>

#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

using Status = FrameDecoder::Status;

void put(FrameDecoder& decoder, std::string_view bytes) {
  const auto space = decoder.write_space();
  ASSERT_LE(bytes.size(), space.size());
  std::memcpy(space.data(), bytes.data(), bytes.size());
  decoder.commit(bytes.size());
}

TEST(Length, IsBigEndian) {
  EXPECT_EQ(header_of(0x01020304), std::string("\x01\x02\x03\x04"));
  EXPECT_EQ(load_length("\xff\xfe\x00\x01"), 0xfffe0001);
}

TEST(FrameDecoder, HandsOutABodyOnceItsLastByteIsHere) {
  cites(15);
  FrameDecoder decoder(100);
  const std::string bytes = framed("hello");
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    put(decoder, bytes.substr(i, 1));
    const auto next = decoder.next();
    ASSERT_EQ(next.status, Status::need_more);
    ASSERT_EQ(next.length, i + 1 < header_bytes ? 0U : 5U);
    ASSERT_EQ(next.arrived, i + 1 < header_bytes ? i + 1 : i + 1 - header_bytes);
    ASSERT_FALSE(decoder.at_boundary());
  }
  put(decoder, bytes.substr(bytes.size() - 1));
  const auto next = decoder.next();
  EXPECT_EQ(next.status, Status::frame);
  EXPECT_EQ(next.body, "hello");
  EXPECT_TRUE(decoder.at_boundary());
}

TEST(FrameDecoder, HandsOutEachOfTwoFramesThatCameInOneRead) {
  cites_bug_class(14);
  FrameDecoder decoder(100);
  put(decoder, framed("one") + framed("two") + "xy");
  EXPECT_EQ(decoder.next().body, "one");
  EXPECT_FALSE(decoder.at_boundary());
  EXPECT_EQ(decoder.next().body, "two");
  EXPECT_EQ(decoder.next().status, Status::need_more);
  EXPECT_EQ(decoder.unread(), "xy");
}

TEST(FrameDecoder, TakesAFrameOfExactlyTheLimitAndNoneLonger) {
  cites(14);
  FrameDecoder decoder(5);
  put(decoder, framed("12345"));
  EXPECT_EQ(decoder.next().body, "12345");
  put(decoder, header_of(6));
  const auto next = decoder.next();
  EXPECT_EQ(next.status, Status::too_large);
  EXPECT_EQ(next.length, 6U);
}

TEST(FrameDecoder, JudgesALengthBeforeItAllocates) {
  cites(14);
  cites_bug_class(14);
  for (const std::uint32_t length : {1025U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    FrameDecoder decoder(1024);
    put(decoder, header_of(length));
    EXPECT_EQ(decoder.next().status, Status::too_large);
    EXPECT_EQ(decoder.next().status, Status::too_large) << "the verdict must stay";
    EXPECT_EQ(decoder.buffer_bytes(), chunk_bytes + padding_bytes);
  }
  FrameDecoder decoder(0xffffffffU);
  put(decoder, header_of(0xffffffffU) + "x");
  EXPECT_EQ(decoder.next().status, Status::need_more);
  EXPECT_LE(decoder.write_space().size(), chunk_bytes) << "a long frame was announced, not sent";
}

TEST(FrameDecoder, CallsALengthOf0Empty) {
  FrameDecoder decoder(100);
  put(decoder, header_of(0));
  EXPECT_EQ(decoder.next().status, Status::empty);
  EXPECT_EQ(decoder.next().status, Status::empty);
}

TEST(FrameDecoder, GrowsWithWhatHasComeAndShrinksAgain) {
  const std::string body(1'000'000, 'x');
  const std::string bytes = framed(body);
  FrameDecoder decoder(static_cast<std::uint32_t>(body.size()));
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    ASSERT_EQ(decoder.next().status, Status::need_more);
    const auto space = decoder.write_space();
    ASSERT_LE(decoder.buffer_bytes(), std::max(chunk_bytes, 2 * taken) + padding_bytes);
    const std::size_t n = std::min(space.size(), bytes.size() - taken);
    std::memcpy(space.data(), bytes.data() + taken, n);
    decoder.commit(n);
    taken += n;
  }
  EXPECT_EQ(decoder.next().body, body);
  EXPECT_LE(decoder.buffer_bytes(), bytes.size() + padding_bytes);
  decoder.release();
  EXPECT_EQ(decoder.buffer_bytes(), chunk_bytes + padding_bytes);
}

TEST(FrameDecoder, DoesNotReleaseWhatIsUnread) {
  FrameDecoder decoder(100);
  put(decoder, framed("one") + "rest");
  EXPECT_EQ(decoder.next().body, "one");
  decoder.release();
  EXPECT_EQ(decoder.unread(), "rest");
  put(decoder, "!");
  EXPECT_EQ(decoder.unread(), "rest!");
}

TEST(FrameDecoder, DiscardsALongFrameWithoutKeepingIt) {
  FrameDecoder decoder(10'000'000);
  decoder.set_discard_above(1000);
  const std::string bytes = framed(std::string(5'000'000, 'x'));
  std::size_t taken = 0;
  auto next = decoder.next();
  while (taken < bytes.size()) {
    ASSERT_EQ(next.status, Status::need_more);
    const auto space = decoder.write_space();
    const std::size_t n = std::min(space.size(), bytes.size() - taken);
    std::memcpy(space.data(), bytes.data() + taken, n);
    decoder.commit(n);
    taken += n;
    next = decoder.next();
    ASSERT_EQ(next.length, 5'000'000U);
    ASSERT_EQ(decoder.buffer_bytes(), chunk_bytes + padding_bytes);
  }
  EXPECT_EQ(next.status, Status::discarded);
  EXPECT_TRUE(decoder.at_boundary());
  put(decoder, framed("next"));
  EXPECT_EQ(decoder.next().body, "next");
}

TEST(FrameDecoder, DiscardsTheRestOfAFrameOfWhichSomeIsKeptAlready) {
  FrameDecoder decoder(1000);
  const std::string bytes = framed(std::string(500, 'x')) + framed("next");
  put(decoder, bytes.substr(0, 200));
  EXPECT_EQ(decoder.next().status, Status::need_more);
  decoder.set_discard_above(499);
  EXPECT_EQ(decoder.next().arrived, 196U);
  EXPECT_FALSE(decoder.at_boundary());
  decoder.set_discard_above(0);
  put(decoder, bytes.substr(200));
  EXPECT_EQ(decoder.next().status, Status::discarded);
  EXPECT_EQ(decoder.next().body, "next");
}

TEST(FrameDecoder, KeepsAFrameOfExactlyTheLengthAboveWhichItDiscards) {
  FrameDecoder decoder(1000);
  decoder.set_discard_above(5);
  put(decoder, framed("12345") + framed("123456"));
  EXPECT_EQ(decoder.next().body, "12345");
  EXPECT_EQ(decoder.next().status, Status::discarded);
}

}  // namespace
}  // namespace ordeal::pool::wire

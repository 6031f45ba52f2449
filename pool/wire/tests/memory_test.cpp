// What the wire allocates: nothing on the usual way, and never because of what a worker announces.
#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "pool/wire/request.hpp"
#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace {

std::size_t allocations = 0;  // since the last reset
std::size_t largest_bytes = 0;

void* counted(std::size_t bytes) {
  ++allocations;
  largest_bytes = std::max(largest_bytes, bytes);
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}

void reset_count() { allocations = largest_bytes = 0; }

}  // namespace

// GCC, inlining only the delete (as it does with -fsanitize=thread), takes the pair for mismatched.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  largest_bytes = std::max(largest_bytes, bytes);
  return std::malloc(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t& tag) noexcept {
  return operator new(bytes, tag);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace ordeal::pool::wire {
namespace {

TEST(Memory, IsNotAllocatedByASmallExchangeAfterTheFirst) {
  Channel channel(1'000'000);
  std::string frame;
  std::vector<std::string> replies;
  const std::string args = "{\"text\":\"hello\",\"n\":[1,2,3]}";
  for (std::uint64_t id = 1; id <= 100; ++id) replies.push_back(success(id, args));
  for (std::uint64_t id = 1; id <= 100; ++id) {
    if (id == 2) reset_count();
    Context context{
        .deadline_ms = 100, .attempt = 1, .label = "label \"x\"", .traceparent = {}, .session = {}};
    Request request{
        .id = id, .command = "echo", .args = args, .timestamp = "2026", .context = &context};
    if (!encode_request(frame, request, 1'000'000)) FAIL();
    start_written(channel, id, frame);
    feed(channel, replies[id - 1]);
    if (channel.result()->reply != args) FAIL();
  }
  EXPECT_EQ(allocations, 0U);
}

TEST(Memory, IsNotAllocatedForALengthThatIsOnlyAnnounced) {
  cites(14);
  cites_bug_class(14);
  std::string request(10, 'q');
  for (const std::uint32_t length : {1U, 1000U, 0x10000000U, 0x10000001U, 0xffffffffU}) {
    Channel channel(0x10000000);
    start_written(channel, 7, request);
    static_cast<void>(channel.read_space());
    reset_count();
    feed(channel, header_of(length));
    EXPECT_LE(largest_bytes, 1000U) << "no more than a message";
    EXPECT_LE(channel.read_space().size(), chunk_bytes);
  }
}

TEST(Memory, FollowsTheBytesThatReallyCame) {
  cites(14);
  EXPECT_TRUE(rc::check("the decoder's buffer is bounded by what came, and by the limit", [] {
    const auto frame_bytes_max = *rc::gen::inRange<std::uint32_t>(1, 400'000);
    const auto length = *rc::gen::inRange<std::uint32_t>(1, 500'000);
    const auto came = *rc::gen::inRange<std::size_t>(0, length + 1);
    FrameDecoder decoder(frame_bytes_max);
    const std::string bytes = header_of(length) + std::string(came, 'x');
    std::size_t taken = 0;
    while (taken < bytes.size() && decoder.next().status == FrameDecoder::Status::need_more) {
      const auto space = decoder.write_space();
      RC_ASSERT(!space.empty());
      RC_ASSERT(decoder.buffer_bytes() <= padding_bytes + std::max(chunk_bytes, 2 * taken));
      RC_ASSERT(decoder.buffer_bytes() <=
                padding_bytes + std::max<std::size_t>(chunk_bytes, header_bytes + frame_bytes_max));
      const std::size_t n = std::min(space.size(), bytes.size() - taken);
      std::memcpy(space.data(), bytes.data() + taken, n);
      decoder.commit(n);
      taken += n;
    }
  }));
}

// The scratch of the JSON check is 4 bytes for each byte of a text that really came.
TEST(Memory, OfTheJsonCheckIsGivenBackAfterALongText) {
  const std::string text = "{\"a\":\"" + std::string(3'000'000, 'x') + "\"}";
  for (int i = 0; i < 2; ++i) {
    reset_count();
    ASSERT_TRUE(validate_json_object(text));
    EXPECT_GE(largest_bytes, 4 * text.size()) << "made anew each time";
    EXPECT_LE(largest_bytes, 8 * text.size() + 1000);
  }
}

}  // namespace
}  // namespace ordeal::pool::wire

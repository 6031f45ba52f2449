// Any bytes and any story: the channel's verdicts make sense whatever a worker does.
#include <gtest/gtest.h>

#include <optional>

#include "pool/wire/json_scan.hpp"
#include "pool/wire/json_text.hpp"
#include "pool/wire/tests/wire_gens.hpp"
#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

using core::ExchangeVerdict;
using core::WireProgress;

// Whatever a channel says about bytes from a worker that had request 7.
void check_sense(const Channel& channel) {
  if (!channel.result()) return;
  const ExchangeResult& result = *channel.result();
  switch (result.verdict) {
    case ExchangeVerdict::replied:
      RC_ASSERT(!scan_json(result.reply, Constants::passed, nullptr, nullptr));
      break;
    case ExchangeVerdict::application_error:
      break;
    case ExchangeVerdict::violated:
      RC_ASSERT(traits(result.code).category == ErrorCategory::communication);
      RC_ASSERT(!result.message.empty());
      RC_ASSERT(result.excerpt.size() <= excerpt_bytes_max);
      RC_ASSERT(!channel.can_start());
      break;
    default:
      RC_FAIL("no such end was told");
  }
}

TEST(AnyBytes, AreJudgedAndNeverCrash) {
  cites(14, 15);
  EXPECT_TRUE(rc::check("bytes without sense", [] {
    Channel channel(200);
    start_written(channel, 7, "request");
    const auto lead = *rc::gen::element<std::string>("", header_of(8), header_of(200));
    in_any_chunks(lead + *bytes_up_to(300), [&](std::string_view chunk) {
      feed(channel, chunk);
      check_sense(channel);
      return !channel.result();
    });
    static_cast<void>(decode_handshake(*bytes_up_to(30), Capabilities::all()));
  }));
}

TEST(AnyBytes, OfAMutatedReplyNeverMakeItAnothersAnswer) {
  cites(11, 14);
  EXPECT_TRUE(rc::check("a reply with flipped, lost and added bytes", [] {
    std::string reply =
        *rc::gen::arbitrary<bool>() ? success(7, dumped(value(3))) : failure(7, dumped(object()));
    for (int i = 1 + below(3); i > 0; --i) {
      const auto at = *rc::gen::inRange<std::size_t>(0, reply.size());
      reply.replace(at, *rc::gen::inRange<std::size_t>(0, 3), *bytes_up_to(2));
      if (reply.empty()) reply = "x";
    }
    Channel channel(100'000);
    start_written(channel, 7, "request");
    in_any_chunks(reply, [&](std::string_view chunk) {
      feed(channel, chunk);
      check_sense(channel);
      return !channel.result();
    });
    if (channel.result() && channel.result()->is_clean()) {
      const auto judged = decode_reply(std::string_view(reply).substr(header_bytes));
      RC_ASSERT(judged.has_value() && judged->id == 7U);
    }
  }));
}

TEST(AnyReply, CountsIffItsIdIsTheAwaitedOne) {
  cites(11);
  cites_bug_class(2);
  EXPECT_TRUE(rc::check("replies and errors with any id", [] {
    const auto awaited = *rc::gen::element<std::uint64_t>(0, 1, 7, 10, 77, UINT64_MAX);
    const auto id = *rc::gen::element<std::uint64_t>(0, 1, 7, 10, 77, UINT64_MAX);
    const std::string reply = *rc::gen::arbitrary<bool>() ? success(id, "1") : failure(id, "\"\"");
    const bool is_late = *rc::gen::arbitrary<bool>();
    Channel channel(1000);
    start_written(channel, awaited, "request");
    if (is_late) channel.on_cancel();
    if (is_late) channel.begin_drain();
    feed(channel, reply);
    RC_ASSERT(channel.can_start() == (id == awaited));
    const ErrorCode code = is_late ? channel.fault().code : channel.result()->code;
    RC_ASSERT(code == (id == awaited ? ErrorCode::none : ErrorCode::reply_id_mismatch));
  }));
}

// A worker and its callers, told as a story of exchanges. The worker answers each request once,
// with its nonce; each caller may give up at any byte; a worker that must go is replaced.
TEST(Story, GivesEveryCallerItsOwnAnswerOrADefiniteEnd) {
  cites(11, 12, 13);
  cites_bug_class(2);
  EXPECT_TRUE(rc::check("callers that give up at any moment", [] {
    std::optional<Channel> channel;
    std::uint64_t id = 0;
    for (int exchange = 1 + below(12); exchange > 0; --exchange) {
      if (!channel || !channel->can_start()) channel.emplace(1000);
      id += *rc::gen::inRange<std::uint64_t>(1, 4);
      const std::string request = "request " + std::to_string(id);
      const std::string reply = success(id, "\"nonce " + std::to_string(id) + "\"");
      channel->start(id, request, core::never);
      RC_ASSERT(!channel->result());
      channel->on_written(*rc::gen::inRange<std::size_t>(0, request.size() + 1));
      const bool gives_up_writing = *rc::gen::arbitrary<bool>();
      if (!gives_up_writing) channel->on_written(channel->unwritten().size());
      const bool is_whole = channel->progress() == WireProgress::written;
      const std::size_t came = is_whole ? *rc::gen::inRange<std::size_t>(0, reply.size() + 20) : 0;
      in_any_chunks(reply.substr(0, came), [&](std::string_view chunk) {
        feed(*channel, chunk);
        return true;
      });
      if (*rc::gen::arbitrary<bool>()) {
        channel->on_deadline();
      } else {
        channel->on_cancel();
      }
      RC_ASSERT(channel->result().has_value());
      if (came >= reply.size()) {
        RC_ASSERT(channel->result()->reply == "\"nonce " + std::to_string(id) + "\"");
        continue;
      }
      RC_ASSERT(channel->result()->verdict != ExchangeVerdict::replied);
      RC_ASSERT(channel->result()->is_late() == is_whole);
      if (!is_whole) continue;
      channel->begin_drain();
      in_any_chunks(reply.substr(came), [&](std::string_view chunk) {
        RC_ASSERT(!channel->can_start());
        feed(*channel, chunk);
        return true;
      });
      RC_ASSERT(channel->drained());
    }
  }));
}

}  // namespace
}  // namespace ordeal::pool::wire

// Any chunks, any values, any bytes, any story.
#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "pool/wire/json_scan.hpp"
#include "pool/wire/json_text.hpp"
#include "pool/wire/request.hpp"
#include "pool/wire/tests/wire_stage.hpp"

namespace ordeal::pool::wire {
namespace {

using core::ExchangeVerdict;
using core::WireProgress;
using nlohmann::json;

rc::Gen<std::string> bytes_up_to(std::size_t size_max) {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, size_max + 1), [](std::size_t size) {
    return rc::gen::container<std::string>(size, rc::gen::arbitrary<char>());
  });
}

// Text of every kind: plain, to be escaped, and beyond ASCII.
rc::Gen<std::string> text() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
          "a", "id", " ", "\"", "\\", "\n", std::string(1, '\0'), "\x1f", "\x7f", "\xc3\xa9",
          "\xe2\x82\xac", "\xef\xbf\xbf", "\xf0\x9f\x98\x80", "/", "{", "]")),
      [](const std::vector<std::string>& pieces) {
        std::string whole;
        for (const auto& piece : pieces) whole += piece;
        return whole;
      });
}

json value(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 8 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<std::int64_t>();
    case 3:
      return *rc::gen::arbitrary<std::uint64_t>();
    case 4:
      return *rc::gen::arbitrary<double>();
    case 5:
      return *text();
    case 6: {
      json array = json::array();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) array.push_back(value(depth - 1));
      return array;
    }
    default: {
      json object = json::object();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) object[*text()] = value(depth - 1);
      return object;
    }
  }
}

json object() {
  json whole = json::object();
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) whole[*text()] = value(3);
  return whole;
}

std::string dumped(const json& whole) {
  const int indent = *rc::gen::element(-1, 0, 3);
  return whole.dump(indent, ' ', *rc::gen::arbitrary<bool>());
}

// Cuts `bytes` into reads of any size, and hands them over until `take` says no.
template <typename Take>
void in_any_chunks(std::string_view bytes, Take take) {
  while (!bytes.empty()) {
    const auto n = std::min(bytes.size(), *rc::gen::inRange<std::size_t>(1, 40));
    if (!take(bytes.substr(0, n))) return;
    bytes.remove_prefix(n);
  }
}

TEST(Framing, IsTheSameInAnyChunks) {
  cites(15);
  EXPECT_TRUE(rc::check("any chunking gives the same frames", [] {
    const auto bodies = *rc::gen::container<std::vector<std::string>>(
        rc::gen::suchThat(bytes_up_to(100), [](const std::string& body) { return !body.empty(); }));
    const auto rest = *rc::gen::element<std::string>("", "x", header_of(50) + "xyz");
    std::string stream;
    for (const auto& body : bodies) stream += framed(body);
    stream += rest;
    FrameDecoder decoder(100);
    std::vector<std::string> seen;
    in_any_chunks(stream, [&](std::string_view chunk) {
      const auto space = decoder.write_space();
      std::memcpy(space.data(), chunk.data(), chunk.size());
      decoder.commit(chunk.size());
      auto next = decoder.next();
      for (; next.status == FrameDecoder::Status::frame; next = decoder.next()) {
        seen.emplace_back(next.body);
        RC_ASSERT(next.body.data() + next.body.size() + padding_bytes <=
                  space.data() + space.size() + padding_bytes);
      }
      RC_ASSERT(next.status == FrameDecoder::Status::need_more);
      return true;
    });
    RC_ASSERT(seen == bodies);
    RC_ASSERT(decoder.unread() == rest);
  }));
}

TEST(RoundTrip, BringsEveryRequestToTheWorkerAsItIs) {
  cites(15);
  EXPECT_TRUE(rc::check("a worker reads what the caller wrote", [] {
    const json args = object();
    const std::string args_text = dumped(args);
    const auto command = *text();
    const auto session = *text();
    const Context context{.deadline_ms = *rc::gen::arbitrary<std::int64_t>(),
                          .attempt = 1,
                          .label = command,
                          .traceparent = session,
                          .session = session};
    Request request;
    request.id = *rc::gen::arbitrary<std::uint64_t>();
    request.command = command;
    request.args = args_text;
    request.timestamp = "2026-11-23T12:00:00Z";
    request.context = &context;
    std::string frame;
    RC_ASSERT(encode_request(frame, request, 1'000'000).has_value());
    RC_ASSERT(load_length(frame.data()) == frame.size() - header_bytes);
    RC_ASSERT(frame.find(args_text) != std::string::npos);
    const json read = json::parse(frame.substr(header_bytes));
    RC_ASSERT(read["id"] == request.id);
    RC_ASSERT(read["command"] == command);
    RC_ASSERT(read["args"] == args);
    RC_ASSERT(read["context"]["deadline_ms"] == *context.deadline_ms);
    RC_ASSERT(read["context"].value("label", "") == command);
    RC_ASSERT(read["context"].value("session", "") == session);
  }));
}

TEST(RoundTrip, BringsEveryReplyToTheCallerAsItIs) {
  cites(15);
  EXPECT_TRUE(rc::check("a caller reads what the worker wrote, in any chunks", [] {
    const std::string result = dumped(value(4));
    const auto id = *rc::gen::arbitrary<std::uint64_t>();
    Channel channel(1'000'000);
    start_written(channel, id, "request");
    in_any_chunks(success(id, result), [&](std::string_view chunk) {
      RC_ASSERT(!channel.result());
      feed(channel, chunk);
      return true;
    });
    RC_ASSERT(channel.result().has_value());
    RC_ASSERT(channel.result()->code == ErrorCode::none);
    RC_ASSERT(channel.result()->reply == result);
  }));
}

TEST(RoundTrip, BringsEveryErrorToTheCallerAsItIs) {
  cites(15);
  EXPECT_TRUE(rc::check("error texts survive, escaped either way", [] {
    const auto type = *text();
    const auto message = *text();
    const json error{{"type", type}, {"message", message}, {"traceback", message + type}};
    const std::string body = failure(3, dumped(error));
    const auto reply = decode_reply(std::string_view(body).substr(header_bytes));
    RC_ASSERT(reply.has_value());
    RC_ASSERT(reply->error.type == type);
    RC_ASSERT(reply->error.message == message);
    RC_ASSERT(reply->error.traceback == message + type);
    std::string quoted;
    append_quoted(quoted, message);
    RC_ASSERT(unescaped(std::string_view(quoted).substr(1, quoted.size() - 2)) == message);
  }));
}

TEST(JsonCheck, AgreesWithNlohmannOnMutatedTexts) {
  cites(15);
  EXPECT_TRUE(rc::check("a text is accepted iff another parser accepts it", [] {
    std::string whole = dumped(object());
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
      const auto at = *rc::gen::inRange<std::size_t>(0, whole.size() + 1);
      const auto piece = *rc::gen::element<std::string>(
          "{", "}", "[", "]", ",", ":", "\"", "\\", "0", "-", ".", "e", "true", " ", "\t", "\x01",
          "\xc3", "\xa9", "\xff", "\xed\xa0\x80", "\\u00e9", "\\x");
      whole.replace(at, *rc::gen::inRange<std::size_t>(0, 3), piece);
    }
    // What the two are meant to see differently: numbers that no double holds.
    const bool accepted = json::accept(whole);
    const auto flaw = scan_json(whole, Constants::refused, nullptr, nullptr);
    if (accepted) RC_ASSERT(!flaw);
    if (!flaw && !accepted) {
      std::string error;
      try {
        const json parsed = json::parse(whole);
      } catch (const json::exception& exception) {
        error = exception.what();
      }
      RC_ASSERT(error.find("number overflow") != std::string::npos ||
                error.find("surrogate") != std::string::npos);
    }
    if (flaw) RC_ASSERT(flaw->position <= whole.size());
  }));
}

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
  cites(14);
  cites(15);
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
  cites(11);
  cites(14);
  EXPECT_TRUE(rc::check("a reply with flipped, lost and added bytes", [] {
    std::string reply =
        *rc::gen::arbitrary<bool>() ? success(7, dumped(value(3))) : failure(7, dumped(object()));
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
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

// A worker and its callers, told as a story of exchanges. The worker answers each request once,
// with its nonce; each caller may give up at any byte; a worker that must go is replaced.
TEST(Story, GivesEveryCallerItsOwnAnswerOrADefiniteEnd) {
  cites(11);
  cites(12);
  cites(13);
  cites_bug_class(2);
  EXPECT_TRUE(rc::check("callers that give up at any moment", [] {
    std::optional<Channel> channel;
    std::uint64_t id = 0;
    for (int exchange = *rc::gen::inRange(1, 12); exchange > 0; --exchange) {
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

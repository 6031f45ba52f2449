// Any chunks and any values: what one side writes is what the other reads.
#include <gtest/gtest.h>

#include "pool/wire/json_scan.hpp"
#include "pool/wire/json_text.hpp"
#include "pool/wire/request.hpp"
#include "pool/wire/tests/wire_gens.hpp"
#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

using nlohmann::json;

TEST(Framing, IsTheSameInAnyChunks) {
  cites(15);
  EXPECT_TRUE(rc::check("any chunking gives the same frames", [] {
    std::vector<std::string> bodies(static_cast<std::size_t>(below(6)));
    for (auto& body : bodies) body = "b" + *bytes_up_to(60);
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
    RC_ASSERT(reply->error->type == type);
    RC_ASSERT(reply->error->message == message);
    RC_ASSERT(reply->error->traceback == message + type);
    std::string quoted;
    append_quoted(quoted, message);
    RC_ASSERT(unescaped(std::string_view(quoted).substr(1, quoted.size() - 2)) == message);
  }));
}

TEST(JsonCheck, AgreesWithNlohmannOnMutatedTexts) {
  cites(15);
  EXPECT_TRUE(rc::check("a text is accepted iff another parser accepts it", [] {
    std::string whole = dumped(object());
    for (int i = below(3); i > 0; --i) {
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

}  // namespace
}  // namespace ordeal::pool::wire

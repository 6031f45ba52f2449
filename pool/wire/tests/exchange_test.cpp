#include "pool/wire/exchange.hpp"

#include <gmock/gmock.h>

#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

using core::ExchangeVerdict;
using core::WireProgress;

const std::string request(120, 'q');  // the channel does not look into it

// The verdict, how far the request came, and the code of an exchange that has ended.
void expect_end(const Channel& channel, ExchangeVerdict verdict, WireProgress progress,
                ErrorCode code, std::string_view message = "") {
  ASSERT_TRUE(channel.result());
  EXPECT_EQ(channel.result()->verdict, verdict);
  EXPECT_EQ(channel.result()->progress, progress);
  EXPECT_EQ(to_string(channel.result()->code), to_string(code));
  EXPECT_EQ(channel.result()->message, message);
  EXPECT_EQ(channel.unwritten(), "") << "nothing is to be written after the end";
}

TEST(Exchange, OffersWhatIsUnwrittenUntilAllIsWritten) {
  Channel channel(1000);
  channel.start(7, request, core::Instant{core::Duration{5}});
  EXPECT_EQ(channel.unwritten(), request);
  EXPECT_EQ(channel.progress(), WireProgress::untouched);
  EXPECT_EQ(channel.deadline(), core::Instant{core::Duration{5}});
  channel.on_written(100);
  EXPECT_EQ(channel.unwritten(), request.substr(100));
  EXPECT_EQ(channel.progress(), WireProgress::partial);
  channel.on_written(20);
  EXPECT_EQ(channel.unwritten(), "");
  EXPECT_EQ(channel.progress(), WireProgress::written);
  EXPECT_FALSE(channel.result());
  EXPECT_FALSE(channel.can_start());
}

TEST(Exchange, EndsWithTheReplyAndCanBeFollowedByTheNext) {
  cites(11);
  Channel channel(1000);
  for (std::uint64_t id = 3; id < 6; ++id) {
    ASSERT_TRUE(channel.can_start());
    start_written(channel, id, request);
    feed(channel, success(id, "{\"nonce\":" + std::to_string(id) + "}"));
    expect_end(channel, ExchangeVerdict::replied, WireProgress::written, ErrorCode::none);
    EXPECT_EQ(channel.result()->reply, "{\"nonce\":" + std::to_string(id) + "}");
    EXPECT_TRUE(channel.result()->is_clean());
  }
}

TEST(Exchange, EndsWithTheWorkersOwnErrorAndKeepsTheWorker) {
  cites(17);
  Channel channel(1000);
  start_written(channel, 7, request);
  feed(channel, failure(7, R"({"type":"ValueError","message":"no","retryable":false})"));
  expect_end(channel, ExchangeVerdict::application_error, WireProgress::written, ErrorCode::none);
  EXPECT_TRUE(channel.can_start());
  const Error error = to_error(*channel.result());
  EXPECT_EQ(error.code, ErrorCode::application_error);
  EXPECT_EQ(error.message, "no");
  ASSERT_NE(error.application, nullptr);
  EXPECT_EQ(error.application->type, "ValueError");
  EXPECT_EQ(error.application->retryable, false);
}

TEST(Exchange, CountsNoReplyWithAnotherIdNotEvenAnError) {
  cites(11);
  cites_bug_class(2);
  for (const std::string& stray : {success(6, "1"), failure(6, "\"x\""), success(8, "1")}) {
    Channel channel(1000);
    start_written(channel, 7, request);
    feed(channel, stray);
    const std::string id = stray.find(":8") == std::string::npos ? "6" : "8";
    expect_end(channel, ExchangeVerdict::violated, WireProgress::written,
               ErrorCode::reply_id_mismatch,
               "worker answered request " + id + ", it had request 7");
    EXPECT_TRUE(channel.result()->excerpt.starts_with("{\"id\":" + id));
    EXPECT_FALSE(channel.can_start());
    EXPECT_FALSE(channel.result()->is_late());
  }
}

TEST(Exchange, EndsWithWhatIsWrongWithTheFrame) {
  cites(14);
  cites_bug_class(14);
  const auto end_of = [](std::string_view bytes) {
    Channel channel(1000);
    start_written(channel, 7, request);
    feed(channel, bytes);
    EXPECT_TRUE(channel.result());
    EXPECT_EQ(channel.result()->verdict, ExchangeVerdict::violated);
    EXPECT_FALSE(channel.can_start());
    const Error error = to_error(*channel.result());
    return std::string(to_string(error.code)) + ": " + error.message + " | " + error.excerpt;
  };
  EXPECT_EQ(end_of(framed("nope")),
            "malformed_frame: frame of 4 bytes is not JSON: a value cannot be read at byte 0 | "
            "nope");
  EXPECT_EQ(end_of(framed("{}")), "malformed_reply: reply has no id | {}");
  EXPECT_EQ(end_of(header_of(0)),
            "malformed_frame: frame has a length of 0 | \\x00\\x00\\x00\\x00");
  EXPECT_EQ(end_of(header_of(1001)),
            "reply_too_large: reply of 1001 bytes exceeds frame_bytes_max 1000 | "
            "\\x00\\x00\\x03\\xe9");
  EXPECT_EQ(end_of(header_of(0xffffffff)),
            "reply_too_large: reply of 4294967295 bytes exceeds frame_bytes_max 1000 | "
            "\\xff\\xff\\xff\\xff");
  EXPECT_EQ(end_of("hello, I am a banner\n"),
            "reply_too_large: reply of 1751477356 bytes exceeds frame_bytes_max 1000; as text the "
            "length reads \"hell\": was something printed to stdout? | hello, I am a banner\\n");
}

TEST(Exchange, CountsAReplyWithBytesBehindItAndFaultsTheWorker) {
  cites(14);
  cites_bug_class(14);
  for (const std::string& reply : {success(7, "1"), failure(7, "\"x\"")}) {
    Channel channel(1000);
    start_written(channel, 7, request);
    feed(channel, reply + "debug: done\n");
    const bool is_success = reply.find("true") != std::string::npos;
    expect_end(channel, is_success ? ExchangeVerdict::replied : ExchangeVerdict::application_error,
               WireProgress::written, ErrorCode::stray_output,
               "worker wrote 12 bytes that nobody asked for");
    EXPECT_EQ(channel.result()->excerpt, "debug: done\\n");
    EXPECT_FALSE(channel.result()->is_clean());
    EXPECT_FALSE(channel.can_start());
  }
}

TEST(Exchange, IsLostWhenTheStreamEndsBetweenFrames) {
  Channel channel(1000);
  start_written(channel, 7, request);
  channel.on_end_of_file();
  expect_end(channel, ExchangeVerdict::lost, WireProgress::written, ErrorCode::worker_closed_stream,
             "worker closed its stream with request 7 in its hands");
}

TEST(Exchange, IsLostAsTruncatedWhenTheStreamEndsInAFrame) {
  cites(14);
  const std::string reply = success(7, "1");
  for (std::size_t came = 1; came < reply.size(); ++came) {
    Channel channel(1000);
    start_written(channel, 7, request);
    feed(channel, reply.substr(0, came));
    channel.on_end_of_file();
    const std::string how = came < header_bytes
                                ? std::to_string(came) + " of 4 bytes of its header came"
                                : std::to_string(came - header_bytes) + " of " +
                                      std::to_string(reply.size() - header_bytes) + " bytes came";
    expect_end(channel, ExchangeVerdict::lost, WireProgress::written, ErrorCode::truncated_reply,
               "worker closed its stream in the middle of a frame: " + how);
    EXPECT_FALSE(channel.can_start());
  }
}

TEST(Exchange, IsLostWhenTheWorkerStopsReading) {
  Channel channel(1000);
  channel.start(7, request, core::never);
  channel.on_written(10);
  channel.on_write_failed();
  expect_end(channel, ExchangeVerdict::lost, WireProgress::partial, ErrorCode::worker_closed_stream,
             "worker stopped reading with 10 of 120 bytes of request 7 written");
}

TEST(Exchange, IsLostWhenTheWorkerIsGone) {
  Channel channel(1000);
  channel.start(7, request, core::never);
  channel.on_worker_gone();
  expect_end(channel, ExchangeVerdict::lost, WireProgress::untouched, ErrorCode::worker_died,
             "worker died with 0 of 120 bytes of request 7 written");
}

TEST(Exchange, TellsADeadlineByHowFarItCame) {
  cites(12);
  for (const std::size_t written : {0U, 1U, 119U, 120U}) {
    Channel channel(1000);
    channel.start(7, request, core::never);
    channel.on_written(written);
    channel.on_deadline();
    const auto how = std::to_string(written) + " of 120 bytes of request 7 written";
    if (written == 0) {
      expect_end(channel, ExchangeVerdict::timed_out, WireProgress::untouched,
                 ErrorCode::queue_timeout, "deadline passed with " + how);
    } else if (written < 120) {
      expect_end(channel, ExchangeVerdict::timed_out, WireProgress::partial,
                 ErrorCode::call_timeout, "deadline passed with " + how);
    } else {
      expect_end(channel, ExchangeVerdict::timed_out, WireProgress::written,
                 ErrorCode::call_timeout, "deadline passed with request 7 in its hands");
    }
    EXPECT_EQ(channel.can_start(), written == 0);
    EXPECT_EQ(channel.result()->is_late(), written == 120);
  }
}

TEST(Exchange, TellsACancelByHowFarItCame) {
  cites(12);
  Channel untouched(1000);
  untouched.start(7, request, core::never);
  untouched.on_cancel();
  expect_end(untouched, ExchangeVerdict::cancelled, WireProgress::untouched, ErrorCode::cancelled,
             "caller gave up with 0 of 120 bytes of request 7 written");
  EXPECT_TRUE(untouched.can_start());
  Channel written(1000);
  start_written(written, 7, request);
  written.on_cancel();
  expect_end(written, ExchangeVerdict::cancelled, WireProgress::written,
             ErrorCode::cancelled_in_flight, "caller gave up with request 7 in its hands");
  EXPECT_FALSE(written.can_start());
}

TEST(Exchange, KeepsItsFirstEnd) {
  Channel channel(1000);
  start_written(channel, 7, request);
  feed(channel, success(7, "1"));
  channel.on_deadline();
  channel.on_cancel();
  channel.on_write_failed();
  expect_end(channel, ExchangeVerdict::replied, WireProgress::written, ErrorCode::none);
  EXPECT_EQ(channel.result()->reply, "1") << "a reply that was read wins over a deadline";
}

TEST(Exchange, ReadsWhileItWrites) {
  cites_bug_class(4);
  Channel channel(1000);
  const std::string reply = success(7, "1");
  channel.start(7, request, core::never);
  channel.on_written(60);
  feed(channel, reply.substr(0, 30));
  EXPECT_FALSE(channel.result()) << "the beginning of a reply may come early";
  channel.on_written(60);
  feed(channel, reply.substr(30));
  expect_end(channel, ExchangeVerdict::replied, WireProgress::written, ErrorCode::none);
}

TEST(Exchange, BelievesNoReplyToARequestThatIsNotWhollyWritten) {
  cites(11);
  Channel channel(1000);
  channel.start(7, request, core::never);
  channel.on_written(119);
  feed(channel, success(7, "1"));
  expect_end(channel, ExchangeVerdict::violated, WireProgress::partial, ErrorCode::stray_output,
             "worker wrote a whole frame with 119 of 120 bytes of request 7 written");
  EXPECT_FALSE(channel.can_start());
}

}  // namespace
}  // namespace ordeal::pool::wire

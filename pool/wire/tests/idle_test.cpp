// What happens on the stream while nothing was asked.
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

TEST(IdleWorker, ThatWroteUnaskedIsFoundBeforeTheRequest) {
  cites(11);
  const std::string_view message = "worker wrote 5 bytes that nobody asked for";
  Channel before_start(1000);
  idle_read(before_start, "");
  EXPECT_EQ(before_start.fault().code, ErrorCode::none);
  idle_read(before_start, "noise");
  EXPECT_EQ(before_start.fault().code, ErrorCode::stray_output);
  before_start.start(7, request, core::never);
  expect_end(before_start, ExchangeVerdict::violated, WireProgress::untouched,
             ErrorCode::stray_output, message);
  EXPECT_EQ(before_start.result()->excerpt, "noise");

  Channel after_start(1000);
  after_start.start(7, request, core::never);
  idle_read(after_start, "noise");
  expect_end(after_start, ExchangeVerdict::violated, WireProgress::untouched,
             ErrorCode::stray_output, message);

  Channel while_waiting_to_write(1000);
  while_waiting_to_write.start(7, request, core::never);
  feed(while_waiting_to_write, "noise");
  expect_end(while_waiting_to_write, ExchangeVerdict::violated, WireProgress::untouched,
             ErrorCode::stray_output, message);
}

TEST(IdleWorker, ThatAnsweredTwiceIsFoundBeforeTheNextRequest) {
  cites(11);
  Channel channel(1000);
  start_written(channel, 7, request);
  feed(channel, success(7, "1"));
  feed(channel, success(7, "2"));
  EXPECT_EQ(channel.result()->verdict, ExchangeVerdict::replied);
  channel.start(8, request, core::never);
  expect_end(channel, ExchangeVerdict::violated, WireProgress::untouched, ErrorCode::stray_output,
             "worker wrote 65 bytes that nobody asked for");
}

TEST(IdleWorker, ThatClosedItsStreamIsFoundBeforeTheRequest) {
  Channel closed(1000);
  closed.on_end_of_file();
  closed.start(7, request, core::never);
  expect_end(closed, ExchangeVerdict::lost, WireProgress::untouched,
             ErrorCode::worker_closed_stream, "worker closed its stream before its first request");
  Channel died(1000);
  start_written(died, 7, request);
  feed(died, success(7, "1"));
  died.on_worker_gone();
  EXPECT_EQ(died.result()->verdict, ExchangeVerdict::replied);
  died.start(8, request, core::never);
  expect_end(died, ExchangeVerdict::lost, WireProgress::untouched, ErrorCode::worker_died,
             "worker died after request 7");
}

}  // namespace
}  // namespace ordeal::pool::wire

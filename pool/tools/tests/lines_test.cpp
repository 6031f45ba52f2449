// Requests from lines, outcomes to lines, lines from blocks: exact texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <algorithm>

#include <vector>

#include "pool/process/file_descriptor.hpp"
#include "pool/tools/line_reader.hpp"
#include "pool/tools/outcome_line.hpp"
#include "pool/tools/request_line.hpp"

namespace ordeal::pool::tools {
namespace {

using testing::ElementsAre;

std::string refusal(std::string_view text) {
  RequestLine request;
  const auto parsed = parse_request_line(text, request);
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().code, ErrorCode::invalid_arguments);
  return parsed.error().message;
}

TEST(RequestLine, EveryMemberIsTakenAndTextsAreExact) {
  RequestLine request;
  const auto parsed = parse_request_line(
      R"({"id": {"a":  1}, "command": "say \"hi\"", "args": {"x": 18446744073709551616,  "y":1.0},)"
      R"( "deadline_ms": 86400000, "idempotent": true, "label": "é\n", "session": "s",)"
      R"( "traceparent": "00-1"})",
      request);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(request.id, R"({"a":  1})");
  EXPECT_EQ(request.command, "say \"hi\"");
  EXPECT_EQ(request.args, R"({"x": 18446744073709551616,  "y":1.0})");
  EXPECT_EQ(request.deadline, std::chrono::milliseconds{86'400'000});
  EXPECT_TRUE(request.idempotent);
  EXPECT_EQ(request.label, "é\n");
  EXPECT_EQ(request.session, "s");
  EXPECT_EQ(request.traceparent, "00-1");
}

TEST(RequestLine, OnlyTheCommandIsNeeded) {
  RequestLine request;
  ASSERT_TRUE(parse_request_line(" {\"command\":\"ping\"}\r", request));
  EXPECT_EQ(request.args, "{}");
  EXPECT_EQ(request.id, "");
  EXPECT_FALSE(request.deadline);
  EXPECT_FALSE(request.idempotent);
}

TEST(RequestLine, MistakesAreNamed) {
  EXPECT_EQ(refusal(R"({"command": ""})"), "\"command\" is missing or empty");
  EXPECT_EQ(refusal(R"({"command": "x", "args": null})"), "\"args\" must be an object, not null");
  EXPECT_EQ(refusal(R"({"command": "x", "idempotent": 1})"),
            "\"idempotent\" must be true or false, not 1");
  EXPECT_EQ(refusal(R"({"command": "x", "label": 1})"), "\"label\" must be a string, not 1");
  for (const char* deadline : {"0", "-1", "86400001", "1.5", "\"1\"", "99999999999999999999"}) {
    EXPECT_EQ(refusal(std::string{R"({"command": "x", "deadline_ms": )"} + deadline + "}"),
              std::string{"\"deadline_ms\" must be an integer from 1 to 86400000, not "} +
                  (deadline[0] == '"' ? "\"1\"" : deadline));
  }
  EXPECT_EQ(refusal("7"), "not a JSON object: 7");
  EXPECT_THAT(refusal(R"({"command": "x", "args": {"x": NaN}})"), testing::StartsWith("not JSON"));
}

TEST(RequestLine, AMistakeKeepsTheIdWhereverItStands) {
  RequestLine request;
  EXPECT_FALSE(parse_request_line(R"({"command": 1, "id": "late"})", request));
  EXPECT_EQ(request.id, "\"late\"");
}

Reply reply(std::string text) {
  return {.result_text = std::move(text),
          .worker = 3,
          .attempts = 1,
          .queued = std::chrono::microseconds{31},
          .service = std::chrono::microseconds{1412}};
}

TEST(OutcomeLine, ASuccessIsTheExactTextOnOneLine) {
  const OutcomeLine line = make_outcome_line(7, "\"a\"", reply("{\"x\":\r\n 1.10}"));
  EXPECT_EQ(line.outcome, Outcome::ok);
  EXPECT_EQ(line.text,
            "{\"line\":7,\"id\":\"a\",\"outcome\":\"ok\",\"result\":{\"x\":   1.10},\"worker\":3,"
            "\"attempts\":1,\"queued_ms\":0.031,\"service_ms\":1.412}\n");
}

TEST(OutcomeLine, ConstantsThatJsonDoesNotKnowAreAFailureOnlyOutsideStrings) {
  EXPECT_EQ(make_outcome_line(1, {}, reply("[NaN]")).outcome, Outcome::failed);
  EXPECT_EQ(make_outcome_line(1, {}, reply("[-Infinity]")).outcome, Outcome::failed);
  EXPECT_EQ(make_outcome_line(1, {}, reply("[\"NaN Infinity\"]")).outcome, Outcome::ok);
}

TEST(OutcomeLine, AnErrorSaysAllThatIsKnown) {
  Error error = make_error(ErrorCode::worker_died, "worker 3 died \xff");
  error.worker = 3;
  error.attempts = 1;
  error.label = "night";
  DeathCertificate certificate;
  certificate.pid = 812;
  certificate.status_known = true;
  certificate.term_signal = 9;
  certificate.stderr_tail = "last words\n";
  error.certificate = std::make_shared<const DeathCertificate>(certificate);
  const OutcomeLine line = make_outcome_line(2, {}, tl::unexpected(error));
  EXPECT_EQ(line.outcome, Outcome::indeterminate);
  EXPECT_EQ(line.text,
            "{\"line\":2,\"outcome\":\"indeterminate\",\"error\":{\"code\":\"worker_died\","
            "\"category\":\"connection\",\"certainty\":\"indeterminate\",\"severity\":\"major\","
            "\"message\":\"worker 3 died \xef\xbf\xbd\",\"retryable\":true,\"worker\":3,"
            "\"label\":\"night\",\"certificate\":{\"summary\":\"pid 812 killed by SIGKILL after 0 "
            "ms, 0 served\",\"pid\":812,\"signal\":9,\"stderr_tail\":\"last words\\n\"}},"
            "\"worker\":3,\"attempts\":1}\n");
}

// What the reader makes of these blocks, each read by itself; "<too long>" for such a line.
std::vector<std::string> lines_of(const std::vector<std::string>& blocks,
                                  std::size_t line_bytes_max) {
  auto pipe = process::make_pipe();
  EXPECT_TRUE(pipe);
  LineReader reader{pipe->read_end.get(), line_bytes_max};
  std::vector<std::string> lines;
  const auto take = [&] {
    LineReader::Line line;
    while (reader.next(line)) {
      EXPECT_EQ(line.number, lines.size() + 1);
      lines.emplace_back(line.too_long ? "<too long>" : line.text);
    }
  };
  for (const std::string& block : blocks) {
    EXPECT_EQ(::write(pipe->write_end.get(), block.data(), block.size()),
              static_cast<ssize_t>(block.size()));
    EXPECT_EQ(reader.read_once(), 0);
    take();
  }
  pipe->write_end.reset();
  EXPECT_EQ(reader.read_once(), 0);
  EXPECT_FALSE(reader.wants_more());
  take();
  return lines;
}

TEST(LineReader, AnyChunkingGivesTheSameLines) {
  const std::string text = "one\n\nthree\ntoo long for this\nfive\nlast";
  const auto wanted = ElementsAre("one", "", "three", "<too long>", "five", "last");
  for (std::size_t size = 1; size <= text.size(); ++size) {
    std::vector<std::string> blocks;
    for (std::size_t begin = 0; begin < text.size(); begin += size) {
      blocks.push_back(text.substr(begin, size));
    }
    EXPECT_THAT(lines_of(blocks, 5), wanted) << "blocks of " << size;
  }
}

TEST(LineReader, TheBoundIsInclusiveAndTheLastLineCountsToo) {
  EXPECT_THAT(lines_of({"12345\n123456\n"}, 5), ElementsAre("12345", "<too long>"));
  EXPECT_THAT(lines_of({"12345"}, 5), ElementsAre("12345"));
  EXPECT_THAT(lines_of({"123456"}, 5), ElementsAre("<too long>"));
  EXPECT_THAT(lines_of({"\n"}, 5), ElementsAre(""));
  EXPECT_THAT(lines_of({}, 5), ElementsAre());
}

}  // namespace
}  // namespace ordeal::pool::tools

// Events as JSON lines: exact lines, the file's permissions, and the bound.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include <nlohmann/json.hpp>

#include "ordeal/pool/observe.hpp"

namespace ordeal::pool {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;

constexpr std::chrono::system_clock::time_point noon{std::chrono::microseconds{
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}.time_since_epoch() +
    std::chrono::hours{12} + std::chrono::microseconds{42}}};

PoolEvent event_at_7ns(std::string_view what) {
  PoolEvent event;
  event.what = what;
  event.at = std::chrono::steady_clock::time_point{std::chrono::nanoseconds{7}};
  return event;
}

class JsonLinesFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ordeal-observe-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
  [[nodiscard]] static std::string text_of(const std::string& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  [[nodiscard]] static unsigned mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  fs::path folder_;
};

TEST(JsonLine, AFailedRequestSaysItsCodeAndWhetherItMayHaveHappened) {
  PoolEvent event = event_at_7ns("request_resolved");
  event.request = 12;
  event.worker = 3;
  event.code = ErrorCode::worker_died;
  event.duration = std::chrono::microseconds{1500};
  event.label = "night \"run\"\n";
  event.traceparent = "00-ab-cd-01";
  EXPECT_EQ(to_json_line(event, noon),
            R"({"time":"2026-11-23T12:00:00.000042Z","at_ns":7,"event":"request_resolved",)"
            R"("request":12,"worker":3,"outcome":"indeterminate","code":"worker_died",)"
            R"("severity":"major","duration_ns":1500000,"label":"night \"run\"\n",)"
            R"("traceparent":"00-ab-cd-01"})");
}

TEST(JsonLine, NoFailureIsDefiniteBehindAnAttemptThatMayHaveRun) {
  PoolEvent event = event_at_7ns("request_resolved");
  event.request = 1;
  event.code = ErrorCode::application_error;
  EXPECT_NE(to_json_line(event, noon).find(R"("outcome":"failed")"), std::string::npos);
  event.maybe_ran = true;
  EXPECT_NE(to_json_line(event, noon).find(R"("outcome":"indeterminate")"), std::string::npos);
  event.code = ErrorCode::none;
  EXPECT_NE(to_json_line(event, noon).find(R"("outcome":"ok")"), std::string::npos);
}

TEST(JsonLine, AnAnsweredRequestIsOk) {
  PoolEvent event = event_at_7ns("request_resolved");
  event.request = 1;
  EXPECT_EQ(to_json_line(event, noon),
            R"({"time":"2026-11-23T12:00:00.000042Z","at_ns":7,"event":"request_resolved",)"
            R"("request":1,"outcome":"ok"})");
}

TEST(JsonLine, ARequestsCommandIsToldWithItsOutcome) {
  PoolEvent event = event_at_7ns("request_resolved");
  event.command = "echo";
  EXPECT_EQ(to_json_line(event, noon),
            R"({"time":"2026-11-23T12:00:00.000042Z","at_ns":7,"event":"request_resolved",)"
            R"("command":"echo","outcome":"ok"})");
}

TEST(JsonLine, PayloadsStandInTheirOwnEventAlone) {
  PoolEvent event = event_at_7ns("request_payload");
  event.request = 1;
  event.worker = 2;
  event.arguments = R"({"x":1})";
  event.answer = "{}";
  EXPECT_EQ(to_json_line(event, noon),
            R"({"time":"2026-11-23T12:00:00.000042Z","at_ns":7,"event":"request_payload",)"
            R"("request":1,"worker":2,"arguments":"{\"x\":1}","answer":"{}"})");
}

TEST(JsonLine, ATransitionNamesItsStates) {
  PoolEvent event = event_at_7ns("worker_transition");
  event.worker = 2;
  event.from = "ready";
  event.to = "busy";
  event.reason = "granted";
  EXPECT_EQ(to_json_line(event, noon),
            R"({"time":"2026-11-23T12:00:00.000042Z","at_ns":7,"event":"worker_transition",)"
            R"("worker":2,"from":"ready","to":"busy","reason":"granted"})");
}

TEST(JsonLine, AFailedStartCounts) {
  PoolEvent event = event_at_7ns("worker_start_failed");
  event.worker = 2;
  event.code = ErrorCode::start_exited;
  event.count = 3;
  EXPECT_EQ(to_json_line(event, noon),
            R"({"time":"2026-11-23T12:00:00.000042Z","at_ns":7,"event":"worker_start_failed",)"
            R"("worker":2,"code":"start_exited","severity":"critical","count":3})");
}

TEST(JsonLine, TheLongestLabelsStayWithinTheBound) {
  PoolEvent event = event_at_7ns("request_resolved");
  event.request = UINT64_MAX;
  event.worker = UINT64_MAX;
  event.code = ErrorCode::cancelled_in_flight;
  event.from = "initializing";
  event.to = "terminated";
  event.reason = "start_failed_too_often";
  event.count = UINT32_MAX;
  event.duration = std::chrono::nanoseconds::max();
  event.label = std::string(100'000, '\x01');
  event.traceparent = std::string(100'000, '\x02');
  event.arguments = event.answer = std::string(200, '\\');  // the longest excerpts
  const std::string line = to_json_line(event, noon);
  EXPECT_LE(line.size(), observe_line_bytes_max);
  EXPECT_EQ(nlohmann::json::parse(line)["label"].get<std::string>().size(), observe_text_bytes_max);
}

TEST(JsonLine, ALabelIsCutBetweenCharactersOnlyBeyondTheBound) {
  PoolEvent event = event_at_7ns("queue_full");
  event.label = std::string(observe_text_bytes_max, 'x');
  EXPECT_EQ(nlohmann::json::parse(to_json_line(event, noon))["label"], event.label);
  event.label = std::string(observe_text_bytes_max - 4, 'x') + "\xc3\xa9\xc3\xa9\xc3\xa9";
  EXPECT_EQ(nlohmann::json::parse(to_json_line(event, noon))["label"],
            std::string(observe_text_bytes_max - 4, 'x') + "...");
}

TEST_F(JsonLinesFile, IsAppendedToAndBelongsToItsOwnerAlone) {
  std::ofstream{path("events")} << "before\n";
  ASSERT_EQ(::chmod(path("events").c_str(), 0644), 0);
  auto sink = json_lines_sink(path("events"));
  ASSERT_TRUE(sink) << sink.error().message;
  PoolEvent event;
  event.what = "pool_stopping";
  event.at = std::chrono::steady_clock::now();
  (*sink)(event);
  (*sink)(event);
  EXPECT_EQ(mode_of(path("events")), 0600U);
  std::ifstream file{path("events")};
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "before");
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(std::getline(file, line));
    EXPECT_EQ(nlohmann::json::parse(line)["event"], "pool_stopping");
  }
  EXPECT_FALSE(std::getline(file, line));
}

TEST_F(JsonLinesFile, IsMadeForItsOwnerAloneWhateverTheUmask) {
  const mode_t before = ::umask(0);
  const auto sink = json_lines_sink(path("new"));
  ::umask(before);
  ASSERT_TRUE(sink);
  EXPECT_EQ(mode_of(path("new")), 0600U);
  EXPECT_EQ(text_of(path("new")), "");
}

TEST_F(JsonLinesFile, ThatCannotBeOpenedIsAnErrorThatNamesIt) {
  const auto missing = json_lines_sink(path("no/such"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::invalid_option);
  EXPECT_EQ(missing.error().message,
            "events file " + path("no/such") + ": No such file or directory");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto pipe = json_lines_sink(path("pipe"));
  ASSERT_FALSE(pipe);
  EXPECT_THAT(pipe.error().message, EndsWith("No such device or address"));
}

TEST(JsonLinesDevice, ThatIsFullMakesTheSinkThrow) {
  const auto sink = json_lines_sink("/dev/full");
  ASSERT_TRUE(sink);
  EXPECT_THROW((*sink)(event_at_7ns("pool_stopped")), std::system_error);
}

}  // namespace
}  // namespace ordeal::pool

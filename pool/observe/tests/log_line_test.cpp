// Events as log lines: exact lines and levels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include "ordeal/pool/observe.hpp"

namespace ordeal::pool {
namespace {

PoolEvent event(std::string_view what) {
  PoolEvent made;
  made.what = what;
  made.request = 7;
  made.worker = 2;
  return made;
}

PoolEvent resolved(ErrorCode code) {
  PoolEvent made = event("request_resolved");
  made.code = code;
  made.duration = std::chrono::microseconds{12'500};
  return made;
}

// What a logger that lets everything through writes: "level line".
std::string logged(const PoolEvent& event) {
  std::ostringstream out;
  auto logger = std::make_shared<spdlog::logger>(
      "pool", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger->set_level(spdlog::level::trace);
  logger->set_pattern("%l %v");
  spdlog_sink(logger)(event);
  return out.str();
}

TEST(LogLine, ARecoverySaysWhatItWasFromAndByWhat) {
  PoolEvent ended = event("recovery_succeeded");
  ended.code = ErrorCode::worker_died;
  ended.reason = "retry";
  ended.duration = std::chrono::milliseconds{3};
  EXPECT_EQ(logged(ended), "info recovery_succeeded from worker_died by retry after 3.000 ms\n");
  ended.what = "recovery_failed";
  EXPECT_EQ(logged(ended), "warning recovery_failed from worker_died by retry after 3.000 ms\n");
}

TEST(LogLine, NoFailureIsDefiniteBehindAnAttemptThatMayHaveRun) {
  PoolEvent event = resolved(ErrorCode::application_error);
  event.maybe_ran = true;
  EXPECT_EQ(logged(event),
            "error request 7 application_error (indeterminate) on worker 2 after 12.500 ms\n");
}

TEST(LogLine, ARequestsCommandIsToldAndCannotForgeALine) {
  PoolEvent event = resolved(ErrorCode::none);
  event.command = "echo\n";
  EXPECT_EQ(logged(event), "debug request 7 (echo\\n) ok on worker 2 after 12.500 ms\n");
}

TEST(LogLine, OutcomesHaveTheLevelOfTheirSeverity) {
  EXPECT_EQ(logged(resolved(ErrorCode::none)), "debug request 7 ok on worker 2 after 12.500 ms\n");
  EXPECT_EQ(logged(resolved(ErrorCode::invalid_arguments)),
            "warning request 7 invalid_arguments (failed) on worker 2 after 12.500 ms\n");
  EXPECT_EQ(logged(resolved(ErrorCode::worker_died)),
            "error request 7 worker_died (indeterminate) on worker 2 after 12.500 ms\n");
  EXPECT_EQ(logged(resolved(ErrorCode::workers_unavailable)),
            "critical request 7 workers_unavailable (failed) on worker 2 after 12.500 ms\n");
}

TEST(LogLine, ACircuitsTransitions) {
  PoolEvent opened;
  opened.what = "breaker_opened";
  opened.breaker = "pre\ndict";
  opened.from = "closed";
  opened.to = "open";
  opened.count = 5;
  opened.duration = std::chrono::seconds{60};
  EXPECT_EQ(logged(opened),
            "error breaker pre\\ndict closed -> open after 5 failures, for 60000.000 ms\n");
  EXPECT_NE(to_json_line(opened, {})
                .find("\"from\":\"closed\",\"to\":\"open\",\"count\":5,"
                      "\"duration_ns\":60000000000,\"breaker\":\"pre\\ndict\""),
            std::string::npos)
      << to_json_line(opened, {});
}

TEST(LogLine, TheLifeOfRequestsAndWorkers) {
  PoolEvent transition = event("worker_transition");
  transition.from = "ready";
  transition.to = "busy";
  transition.reason = "granted";
  EXPECT_EQ(logged(transition), "debug worker 2 ready -> busy (granted)\n");
  EXPECT_EQ(logged(event("request_submitted")), "debug request 7 submitted\n");
  EXPECT_EQ(logged(event("request_granted")), "debug request 7 granted worker 2\n");
  EXPECT_EQ(logged(event("request_requeued")),
            "warning request 7 queued again, worker 2 was unusable\n");
  PoolEvent retry = event("request_retry_scheduled");
  retry.code = ErrorCode::worker_died;
  retry.count = 2;
  retry.duration = std::chrono::milliseconds{3};
  EXPECT_EQ(logged(retry), "warning request 7 failed with worker_died, retry 2 in 3.000 ms\n");
  retry.what = "request_retry_exhausted";
  retry.reason = "budget";
  EXPECT_EQ(logged(retry),
            "warning request 7 failed with worker_died and is tried no more after 2 retries "
            "(budget)\n");
  EXPECT_EQ(logged(event("worker_spawning")), "info worker 2 spawning\n");
}

TEST(LogLine, PayloadsAreADebugLine) {
  PoolEvent payload = event("request_payload");
  payload.arguments = R"({"x":1})";
  payload.answer = "it failed";
  EXPECT_EQ(logged(payload), "debug request 7 on worker 2: arguments {\"x\":1} answer it failed\n");
}

TEST(LogLine, TheLifeOfThePool) {
  PoolEvent failed = event("worker_start_failed");
  failed.request = 0;
  failed.code = ErrorCode::start_timeout;
  failed.count = 3;
  EXPECT_EQ(logged(failed), "critical worker_start_failed worker 2 start_timeout count 3\n");
  PoolEvent pause;
  pause.what = "start_backing_off";
  pause.duration = std::chrono::milliseconds{200};
  EXPECT_EQ(logged(pause), "warning next start in 200.000 ms\n");
  PoolEvent plain;
  for (const auto& [what, line] : std::vector<std::pair<std::string_view, std::string>>{
           {"start_circuit_opened", "critical start_circuit_opened\n"},
           {"start_circuit_closed", "info start_circuit_closed\n"},
           {"queue_full", "warning queue_full\n"},
           {"pool_stopping", "info pool_stopping\n"},
           {"pool_stopped", "info pool_stopped\n"}}) {
    plain.what = what;
    EXPECT_EQ(logged(plain), line);
  }
}

TEST(LogLine, ALabelCannotForgeALine) {
  PoolEvent forged = event("request_submitted");
  forged.label = "x\n[critical] all is lost {}";
  forged.traceparent = "00-1-2-01";
  EXPECT_EQ(logged(forged),
            "debug request 7 submitted [x\\n[critical] all is lost {}] traceparent 00-1-2-01\n");
}

TEST(LogLine, ALevelThatIsOffWritesNothing) {
  std::ostringstream out;
  auto logger = std::make_shared<spdlog::logger>(
      "pool", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger->set_level(spdlog::level::info);
  spdlog_sink(logger)(event("request_submitted"));
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace ordeal::pool

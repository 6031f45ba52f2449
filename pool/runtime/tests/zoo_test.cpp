// Each fault of the zoo, and what must come of it: exactly the right error for exactly the caller
// whose worker it was, nothing for its neighbour, and a whole pool afterwards.
//
// To add a fault: a row in `zoo`. What needs more than a row: zoo_more_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

enum class Fate {
  kept,      // serves on
  drained,   // serves on, once its late reply has gone by
  replaced,  // is gone, and another has come
};

// A row of the zoo. Those of one group follow each other on one pool.
struct Row {
  std::string group;
  std::string name;
  std::string command;
  Json arguments = Json::object();
  milliseconds deadline = patience;
  ErrorCode code = ErrorCode::none;
  std::vector<std::string> message_parts = {};
  Fate fate = Fate::kept;
  std::optional<int> exit_code = {};  // in the certificate
  std::optional<int> signal = {};
  bool killed_by_pool = false;
};

constexpr milliseconds soon{60};
constexpr auto wire_error = "worker ";

const Row zoo[] = {
    // Ordinary replies.
    {.group = "Replies",
     .name = "Echo",
     .command = "echo",
     .arguments = {{"deep", {1, {{"x", nullptr}}}}}},
    {.group = "Replies", .name = "Sleep", .command = "sleep", .arguments = {{"ms", 20}}},
    {.group = "Replies", .name = "Busy", .command = "busy", .arguments = {{"ms", 20}}},
    {.group = "Replies", .name = "Pid", .command = "pid"},
    {.group = "Replies", .name = "Progress", .command = "progress", .arguments = {{"count", 3}}},
    {.group = "Replies",
     .name = "BigReply",
     .command = "big_reply",
     .arguments = {{"bytes", 3 << 20}}},
    {.group = "Replies",
     .name = "DribbleReply",
     .command = "dribble_reply",
     .arguments = {{"piece", 1}, {"text", "one byte at a time"}}},
    {.group = "Replies",
     .name = "PrintOnStdout",
     .command = "print_stdout",
     .arguments = {{"text", "stray\n"}}},
    {.group = "Replies",
     .name = "FloodStderr",
     .command = "flood_stderr",
     .arguments = {{"bytes", 1 << 20}}},
    {.group = "Replies", .name = "GrowMemory", .command = "grow_memory", .arguments = {{"mb", 32}}},
    {.group = "Replies", .name = "IgnoreSignals", .command = "ignore_signals"},
    {.group = "Replies", .name = "RefuseToDie", .command = "refuse_to_die"},
    {.group = "Replies",
     .name = "Error",
     .command = "error",
     .arguments = {{"type", "Mishap"}, {"message", "as told"}},
     .code = ErrorCode::application_error,
     .message_parts = {"Mishap: as told"}},
    {.group = "Replies",
     .name = "Raise",
     .command = "raise",
     .code = ErrorCode::application_error,
     .message_parts = {"ValueError: raised as asked"}},
    {.group = "Replies",
     .name = "UnknownCommand",
     .command = "no_such_command",
     .code = ErrorCode::application_error,
     .message_parts = {"Unknown command: no_such_command"}},
    {.group = "Replies",
     .name = "UnrepresentableNanRefusedByTheKit",
     .command = "unrepresentable",
     .arguments = {{"kind", "nan"}},
     .code = ErrorCode::application_error},
    {.group = "Replies",
     .name = "UnrepresentableBytesSentRaw",
     .command = "unrepresentable",
     .arguments = {{"kind", "bytes"}, {"raw", true}},
     .code = ErrorCode::malformed_frame,
     .message_parts = {wire_error, "not JSON"},
     .fate = Fate::replaced},

    // Time-outs.
    {.group = "LateReplies",
     .name = "LateReplyWithinTheGrace",
     .command = "late_reply",
     .arguments = {{"ms", 120}},
     .deadline = soon,
     .code = ErrorCode::call_timeout,
     .message_parts = {"did not answer within the deadline"},
     .fate = Fate::drained},
    {.group = "TimeOuts",
     .name = "LateReplyBeyondTheGrace",
     .command = "late_reply",
     .arguments = {{"ms", 60'000}},
     .deadline = soon,
     .code = ErrorCode::call_timeout,
     .fate = Fate::replaced},
    {.group = "LateReplies",
     .name = "WaitCancelIsCancelledByTheTimeOut",
     .command = "wait_cancel",
     .deadline = soon,
     .code = ErrorCode::call_timeout,
     .fate = Fate::drained},
    {.group = "TimeOuts",
     .name = "Hang",
     .command = "hang",
     .deadline = soon,
     .code = ErrorCode::call_timeout,
     .fate = Fate::replaced},
    {.group = "TimeOuts",
     .name = "HangWithTheGil",
     .command = "hang",
     .arguments = {{"gil", true}},
     .deadline = soon,
     .code = ErrorCode::call_timeout,
     .fate = Fate::replaced},
    {.group = "TimeOuts",
     .name = "StoppedBySignal",
     .command = "crash",
     .arguments = {{"signal", "SIGSTOP"}},
     .deadline = soon,
     .code = ErrorCode::call_timeout,
     .fate = Fate::replaced},
    {.group = "TimeOuts",
     .name = "PartialFrameThenHang",
     .command = "partial_frame",
     .arguments = {{"bytes", 10}},
     .deadline = soon,
     .code = ErrorCode::call_timeout,
     .fate = Fate::replaced},
    {.group = "TimeOuts",
     .name = "AnnouncedFrameWithoutBody",
     .command = "oversize_frame",
     .arguments = {{"length", 1000}},
     .deadline = soon,
     .code = ErrorCode::call_timeout,
     .fate = Fate::replaced},

    // The stream.
    {.group = "Stream",
     .name = "Garbage",
     .command = "garbage",
     .arguments = {{"seed", 0}},
     .code = ErrorCode::reply_too_large,
     .message_parts = {wire_error, "exceeds frame_bytes_max 4194304"},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "BadJson",
     .command = "bad_json",
     .code = ErrorCode::malformed_frame,
     .message_parts = {wire_error, "not JSON"},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "NotAnObject",
     .command = "not_object",
     .code = ErrorCode::malformed_reply,
     .message_parts = {wire_error, "reply must be an object, not"},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "PartialFrameThenExit",
     .command = "partial_frame",
     .arguments = {{"bytes", 10}, {"then", "exit"}, {"exit_code", 7}},
     .code = ErrorCode::truncated_reply,
     .message_parts = {wire_error, "in the middle of a frame"},
     .fate = Fate::replaced,
     .exit_code = 7},
    {.group = "Stream",
     .name = "OversizeFrame",
     .command = "oversize_frame",
     .code = ErrorCode::reply_too_large,
     .message_parts = {"reply of 4294967295 bytes exceeds frame_bytes_max 4194304"},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "OversizeByOne",
     .command = "oversize_frame",
     .arguments = {{"length", (4 << 20) + 1}},
     .code = ErrorCode::reply_too_large,
     .message_parts = {"reply of 4194305 bytes exceeds frame_bytes_max 4194304"},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "EmptyFrame",
     .command = "oversize_frame",
     .arguments = {{"length", 0}},
     .code = ErrorCode::malformed_frame,
     .message_parts = {"length of 0"},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "WrongIdAbove",
     .command = "wrong_id",
     .code = ErrorCode::reply_id_mismatch,
     .message_parts = {"worker answered request ", ", it had request "},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "WrongIdOfTheRequestBefore",
     .command = "wrong_id",
     .arguments = {{"delta", -1}},
     .code = ErrorCode::reply_id_mismatch,
     .message_parts = {"worker answered request ", ", it had request "},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "StrayBytesAfterTheReply",
     .command = "stray_bytes_after_reply",
     .arguments = {{"bytes", 5}},
     .fate = Fate::replaced},
    {.group = "Stream",
     .name = "CloseStdout",
     .command = "close_stdout",
     .code = ErrorCode::worker_closed_stream,
     .message_parts = {"closed its reply stream and lived on"},
     .fate = Fate::replaced,
     .signal = SIGKILL,
     .killed_by_pool = true},

    // The process.
    {.group = "Process",
     .name = "CrashByExitCode",
     .command = "crash",
     .arguments = {{"exit_code", 3}},
     .code = ErrorCode::worker_died,
     .message_parts = {"died with the request in hand", "exited with status 3"},
     .fate = Fate::replaced,
     .exit_code = 3},
    {.group = "Process",
     .name = "CrashByExitCodeZero",
     .command = "crash",
     .arguments = {{"exit_code", 0}},
     .code = ErrorCode::worker_died,
     .message_parts = {"exited with status 0"},
     .fate = Fate::replaced,
     .exit_code = 0},
    {.group = "Process",
     .name = "CrashBySigkill",
     .command = "crash",
     .arguments = {{"signal", "SIGKILL"}},
     .code = ErrorCode::worker_died,
     .message_parts = {"killed by SIGKILL"},
     .fate = Fate::replaced,
     .signal = SIGKILL},
    {.group = "Process",
     .name = "CrashBySegmentationFault",
     .command = "crash",
     .arguments = {{"signal", "SIGSEGV"}},
     .code = ErrorCode::worker_died,
     .message_parts = {"killed by SIGSEGV"},
     .fate = Fate::replaced,
     .signal = SIGSEGV},
    {.group = "Process",
     .name = "CrashBySigterm",
     .command = "crash",
     .arguments = {{"signal", "SIGTERM"}},
     .code = ErrorCode::worker_died,
     .message_parts = {"killed by SIGTERM"},
     .fate = Fate::replaced,
     .signal = SIGTERM},
    {.group = "Process",
     .name = "ExitAfterReply",
     .command = "exit_after_reply",
     .fate = Fate::replaced},
};

class Zoo : public ::testing::TestWithParam<const char*> {};

// A neighbour: echoes nonces on the other worker for as long as the fault lasts.
class Neighbour {
 public:
  explicit Neighbour(Pool& pool)
      : thread_([this, &pool] {
          while (!over_.is_set() || served_ < calls_min) {
            const auto answer = echoes(pool, {.deadline = patience});
            if (!answer) failure_ = answer.message();
            if (!failure_.empty()) break;
            ++served_;
            begun_.set();
          }
          begun_.set();
        }) {
    EXPECT_TRUE(begun_.wait());
  }
  ~Neighbour() {
    over_.set();
    thread_.join();
    EXPECT_EQ(failure_, "") << "a neighbour was hurt after " << served_ << " calls";
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  static constexpr int calls_min = 3;
  Signal over_;
  Signal begun_;
  int served_ = 0;
  std::string failure_;
  std::thread thread_;
};

std::uint64_t worker_of(const Result<Reply>& result) {
  return result ? result->worker : result.error().worker.value_or(0);
}

void expect_answer(const Row& row, const Result<Reply>& result) {
  ASSERT_EQ(to_string(code_of(result)), to_string(row.code)) << describe(result);
  if (result) {
    if (row.command == "echo") {
      EXPECT_EQ(*result->json(), row.arguments);
    }
    return;
  }
  const Error& error = result.error();
  for (const std::string& part : row.message_parts) {
    EXPECT_THAT(error.message, HasSubstr(part));
  }
  EXPECT_EQ(error.attempts, 1U);
  EXPECT_EQ(error.label, "zoo");
  EXPECT_EQ(error.category(), traits(row.code).category);
  if (!row.exit_code && !row.signal) return;
  ASSERT_NE(error.certificate, nullptr) << describe(result);
  EXPECT_TRUE(error.certificate->status_known);
  EXPECT_EQ(error.certificate->exit_code, row.exit_code);
  EXPECT_EQ(error.certificate->term_signal, row.signal);
  EXPECT_EQ(error.certificate->killed_by_pool, row.killed_by_pool);
  EXPECT_EQ(error.certificate->worker, worker_of(result));
  EXPECT_GT(error.certificate->request_in_hand, 0U);
  EXPECT_FALSE(error.certificate->before_ready);
}

void try_on(Pool& pool, const Row& row) {
  const Status before = pool.status();
  std::optional<Result<Reply>> result;
  {
    const Neighbour neighbour{pool};
    result = pool.call(row.command, row.arguments, {.deadline = row.deadline, .label = "zoo"});
  }
  expect_answer(row, *result);
  const auto settled = [&](const Status& status) {
    if (!is_whole(status)) return false;
    return row.fate != Fate::replaced || !serials(status).contains(worker_of(*result));
  };
  EXPECT_TRUE(wait_until(pool, settled)) << describe(pool.status());
  const Status after = pool.status();
  const std::uint64_t replaced = row.fate == Fate::replaced ? 1 : 0;
  const std::uint64_t drained = row.fate == Fate::drained ? 1 : 0;
  EXPECT_EQ(after.workers_lost, before.workers_lost + replaced) << describe(after);
  EXPECT_EQ(after.spawns, before.spawns + replaced) << describe(after);
  EXPECT_EQ(after.late_replies_drained, before.late_replies_drained + drained);
  if (replaced == 0) {
    EXPECT_EQ(serials(after), serials(before));
  }
  expect_whole(pool);
}

TEST_P(Zoo, EachHurtsItsCallerAloneAndThePoolIsWholeAgain) {
  cites(4, 11, 12, 14, 16, 17, 53, 58);
  cites_bug_class(2, 3, 14);
  Options options = mock_options(2);
  // Nothing comes late of these, so there is nothing to wait for.
  if (std::string_view{GetParam()} == "TimeOuts") options.quarantine_grace = 20ms;
  Pool pool = must_start(options);
  const Subscription subscription = pool.subscribe([&](const PoolEvent& event) {
    if (event.what != "worker_start_failed") return;
    ADD_FAILURE() << "start of worker " << event.worker << ": " << to_string(event.code);
  });
  for (const Row& row : zoo) {
    if (row.group != GetParam()) continue;
    SCOPED_TRACE(row.name);
    try_on(pool, row);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(, Zoo,
                         ::testing::Values("Replies", "LateReplies", "TimeOuts", "Stream",
                                           "Process"),
                         [](const auto& row_info) { return std::string{row_info.param}; });

}  // namespace
}  // namespace ordeal::pool

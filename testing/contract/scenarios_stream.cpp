// Workers that break the protocol: each fault costs its own request and its own worker, no more.
#include "testing/contract/scenarios.hpp"

namespace ordeal::trial {
namespace {

// `a` meets the fault; its neighbour on the other worker is untouched; `c` is served.
Scenario breaks(std::string name, Act fault, Expected expect) {
  return {.family = "stream",
          .name = std::move(name),
          .setup = {.size = 2},
          .tickets = {{.name = "b", .acts = {held()}},
                      {.name = "a", .acts = {std::move(fault)}, .expect = std::move(expect)},
                      {.name = "c", .expect = {.other_worker_than = "a"}}},
          .steps = {submit("b"), in_hand("b"), submit("a"), outcome("a"), gone("a"), submit("c"),
                    outcome("c"), release("b"), outcome("b")},
          .order = {"a", "c", "b"},
          .lost = 1};
}

}  // namespace

std::vector<Scenario> stream_scenarios() {
  return {
      breaks("AFrameThatIsNoJson", act("bad_json"), fails("malformed_frame")),
      breaks("AFrameThatIsNoObject", act("not_object"), fails("malformed_reply")),
      breaks("AReplyToAnotherRequest", act("wrong_id"), fails("reply_id_mismatch")),
      breaks("AReplyToTheRequestBefore", act("wrong_id", R"({"delta":-1})"),
             fails("reply_id_mismatch")),
      breaks("AnAnnouncedFrameBeyondTheCap", act("oversize_frame"), fails("reply_too_large")),
      breaks("AFrameOfNoBytes", act("oversize_frame", R"({"length":0})"), fails("malformed_frame")),
      breaks("NoiseInsteadOfAFrame", act("garbage", R"({"seed":0})"), fails("reply_too_large")),
      breaks("AnExitInTheMiddleOfAFrame",
             act("partial_frame", R"({"bytes":10,"then":"exit","exit_code":7})"),
             fails("truncated_reply")),
      breaks("AStreamThatIsClosedByALivingWorker", act("close_stdout"),
             fails("worker_closed_stream")),
      breaks("BytesThatAreNoUtf8", act("unrepresentable", R"({"kind":"bytes","raw":true})"),
             fails("malformed_frame")),
      // The reply counts, and the worker goes.
      breaks("BytesBehindTheReply", act("stray_bytes_after_reply"), {}),
      {.family = "stream",
       .name = "AHangInTheMiddleOfAFrame",
       .setup = {.late_reply_grace = soon},
       .tickets = {{.name = "a",
                    .acts = {act("partial_frame", R"({"bytes":10})")},
                    .deadline = soon,
                    .expect = fails("call_timeout")},
                   {.name = "b", .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), in_hand("a"), outcome("a"), gone("a"), submit("b"), outcome("b")},
       .lost = 1},
      {.family = "stream",
       .name = "AFrameThatIsAnnouncedAndNeverComes",
       .setup = {.late_reply_grace = soon},
       .tickets = {{.name = "a",
                    .acts = {act("oversize_frame", R"({"length":1000})")},
                    .deadline = soon,
                    .expect = fails("call_timeout")},
                   {.name = "b", .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), in_hand("a"), outcome("a"), gone("a"), submit("b"), outcome("b")},
       .lost = 1},
  };
}

}  // namespace ordeal::trial

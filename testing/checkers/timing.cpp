#include "testing/checkers/timing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

namespace ordeal::trial {

using pool::core::Duration;
using pool::core::Instant;
using pool::core::never;

namespace {

constexpr std::size_t evidence_max = 5;

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

class Evidence {
 public:
  void add(std::string sentence) {
    if (++count_ <= evidence_max) sentences_.push_back(std::move(sentence));
  }
  [[nodiscard]] Verdict verdict() && {
    if (count_ == 0) return Verdict::pass();
    if (count_ > evidence_max) {
      sentences_.push_back(fmt::format("and {} more", count_ - evidence_max));
    }
    return Verdict::fail(std::move(sentences_));
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }

 private:
  std::vector<std::string> sentences_;
  std::size_t count_ = 0;
};

bool is_over(const TimedCall& call) {
  constexpr std::array codes{"queue_timeout", "call_timeout"};
  return std::find(codes.begin(), codes.end(), call.code) != codes.end();
}

// `calls`: of one worker, in the order in which it began them. Returns whether some waited.
bool look_for_overtaking(const std::vector<const TimedCall*>& calls, Evidence& evidence) {
  bool some_waited = false;
  // Of those begun later: who was in the pool first.
  const TimedCall* first_in = nullptr;
  for (auto at = calls.rbegin(); at != calls.rend(); ++at) {
    const TimedCall& call = **at;
    if (first_in != nullptr && first_in->accepted < call.submitted) {
      evidence.add(
          fmt::format("{} came {:.3f} ms after {} was in the queue, and worker {} began it "
                      "{:.3f} ms before that one",
                      call.name, milliseconds(call.submitted - first_in->accepted), first_in->name,
                      call.worker, milliseconds(first_in->began - call.began)));
    }
    if (first_in == nullptr || call.accepted < first_in->accepted) first_in = &call;
  }
  // Has waited: another came before it was begun, and is begun behind it.
  Instant last_submitted{};
  for (auto at = calls.rbegin(); at != calls.rend(); ++at) {
    if ((*at)->accepted < last_submitted && last_submitted < (*at)->began) some_waited = true;
    last_submitted = std::max(last_submitted, (*at)->submitted);
  }
  return some_waited;
}

}  // namespace

Verdict OrderChecker::check(std::span<const TimedCall> calls) const {
  std::map<std::uint64_t, std::vector<const TimedCall*>> by_worker;
  for (const TimedCall& call : calls) {
    if (call.worker != 0) by_worker[call.worker].push_back(&call);
  }
  Evidence evidence;
  bool some_waited = false;
  for (auto& [worker, own] : by_worker) {
    std::stable_sort(own.begin(), own.end(),
                     [](const auto* a, const auto* b) { return a->began < b->began; });
    some_waited = look_for_overtaking(own, evidence) || some_waited;
  }
  if (evidence.empty() && !some_waited) {
    return Verdict::unknown("no call had to wait while another came");
  }
  return std::move(evidence).verdict();
}

Verdict DeadlineChecker::check(std::span<const TimedCall> calls) const {
  Evidence evidence;
  bool some_are_over = false;
  for (const TimedCall& call : calls) {
    if (is_over(call)) {
      some_are_over = true;
      if (call.ended < call.deadline) {
        evidence.add(fmt::format("{} was told {} {:.3f} ms before its deadline", call.name,
                                 call.code, milliseconds(call.deadline - call.ended)));
      }
    }
    if (call.deadline == never) continue;
    if (call.ended > call.deadline + slack) {
      evidence.add(fmt::format("{} had its outcome ({}) {:.3f} ms after its deadline", call.name,
                               call.code, milliseconds(call.ended - call.deadline)));
    }
    if (call.worker != 0 && call.began > call.deadline + slack) {
      evidence.add(fmt::format("{} was begun by worker {} {:.3f} ms after its deadline", call.name,
                               call.worker, milliseconds(call.began - call.deadline)));
    }
  }
  if (evidence.empty() && !some_are_over) return Verdict::unknown("no call's time was over");
  return std::move(evidence).verdict();
}

}  // namespace ordeal::trial

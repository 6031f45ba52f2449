#include "testing/load/closed_loop.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "pool/runtime/clock.hpp"

namespace ordeal::trial {
namespace {

namespace runtime = pool::runtime;

void note_answer(CallRecord& call, Answer&& answer) {
  call.ended_at = time_now();
  call.outcome = answer.outcome;
  if (answer.outcome == Outcome::ok) call.echoed = find_nonce(answer.reply_text);
  call.code = std::move(answer.code);
  call.message = std::move(answer.message);
  call.worker = answer.worker;
  call.attempts = answer.attempts;
  call.death = answer.death;
  call.gave_up = answer.gave_up;
}

}  // namespace

// `mutex` guards what the sweeping thread looks at; a caller holds it only to take notes.
struct ClosedLoop::Caller {
  std::uint32_t number = 0;
  pool::core::Random random{0};
  std::thread thread;

  mutable std::mutex mutex;
  std::vector<CallRecord> calls;  // the last one may be in hand
  std::uint64_t sent = 0;
  std::uint64_t ok = 0;
  std::uint64_t lost_calls = 0;
  bool in_hand = false;
  bool lost = false;  // the call in hand is
  bool ended = false;
};

struct ClosedLoop::Shared {
  std::shared_ptr<LoadTarget> target;
  LoadOptions options;
  std::atomic<bool> ending{false};
  std::atomic<std::uint64_t> next_arrival{0};
  runtime::WakeWord wake_resting;
  runtime::Instant began = runtime::now();
};

namespace {

std::chrono::milliseconds draw_deadline(const LoadOptions& options, pool::core::Random& random) {
  if (!options.deadline_min) return options.deadline;
  return std::chrono::milliseconds{
      random.between(options.deadline_min->count(), options.deadline.count())};
}

template <typename Shared>
void rest_until(Shared& shared, runtime::Instant until) {
  while (true) {
    const std::uint32_t ticket = shared.wake_resting.ticket();
    if (shared.ending.load() || runtime::now() >= until) return;
    shared.wake_resting.wait_until(until, ticket);
  }
}

}  // namespace

ClosedLoop::ClosedLoop(std::shared_ptr<LoadTarget> target, const LoadOptions& options)
    : shared_(std::make_shared<Shared>()) {
  shared_->target = std::move(target);
  shared_->options = options;
  pool::core::Random seeds{options.seed};
  for (std::uint32_t number = 0; number < options.callers; ++number) {
    auto caller = std::make_shared<Caller>();
    caller->number = number;
    caller->random = pool::core::Random{seeds.next()};
    callers_.push_back(caller);
  }
  for (const auto& caller : callers_) {
    caller->thread = std::thread{[shared = shared_, caller] { run_caller(shared, caller); }};
  }
}

ClosedLoop::~ClosedLoop() {
  ask_to_end();
  for (const auto& caller : callers_) {
    const bool lost = [&] {
      const std::lock_guard lock{caller->mutex};
      return caller->lost && !caller->ended;
    }();
    if (lost) {
      caller->thread.detach();
    } else {
      caller->thread.join();
    }
  }
}

void ClosedLoop::ask_to_end() {
  shared_->ending.store(true);
  shared_->wake_resting.notify();
}

void ClosedLoop::run_caller(const std::shared_ptr<Shared>& shared,
                            const std::shared_ptr<Caller>& caller) {
  const LoadOptions& options = shared->options;
  while (!shared->ending.load()) {
    std::optional<TimePoint> due_at;
    if (!options.arrivals.empty()) {
      const std::uint64_t arrival = shared->next_arrival.fetch_add(1);
      if (arrival >= options.arrivals.size()) break;
      const runtime::Instant due = pool::core::after(shared->began, options.arrivals[arrival]);
      rest_until(*shared, due);
      if (shared->ending.load()) break;
      due_at = runtime::to_steady(due);
    }
    const DrawnCall drawn = draw_call(shared->options.mix, caller->random);
    const TimePoint submitted_at = time_now();
    const TimePoint deadline = submitted_at + draw_deadline(options, caller->random);
    {
      const std::lock_guard lock{caller->mutex};
      ++caller->sent;
      caller->in_hand = true;
      CallRecord& call = caller->calls.emplace_back();
      call.nonce = drawn.nonce;
      call.caller = caller->number;
      call.due_at = due_at;
      call.submitted_at = submitted_at;
      call.deadline = deadline;
    }
    Answer answer = shared->target->call(drawn.command, drawn.arguments, deadline);
    {
      const std::lock_guard lock{caller->mutex};
      CallRecord& call = caller->calls.back();
      note_answer(call, std::move(answer));
      const bool late = call.ended_at > call.deadline + lost_after;
      if (late && !caller->lost) ++caller->lost_calls;
      if (late || caller->lost) call.outcome = Outcome::lost;
      if (call.outcome == Outcome::ok) ++caller->ok;
      caller->in_hand = false;
      caller->lost = false;
    }
    if (drawn.rest.count() > 0 && options.arrivals.empty()) {
      rest_until(*shared, pool::core::after(runtime::now(), drawn.rest));
    }
  }
  {
    const std::lock_guard lock{caller->mutex};
    caller->ended = true;
  }
  if (shared->options.on_caller_ended) shared->options.on_caller_ended();
}

TimePoint ClosedLoop::sweep(TimePoint now) {
  TimePoint next = TimePoint::max();
  for (const auto& caller : callers_) {
    const std::lock_guard lock{caller->mutex};
    if (!caller->in_hand || caller->lost) continue;
    CallRecord& call = caller->calls.back();
    const TimePoint overdue_at = call.deadline + lost_after;
    if (now > overdue_at) {
      caller->lost = true;
      ++caller->lost_calls;
      call.outcome = Outcome::lost;
      call.ended_at = now;
    } else {
      next = std::min(next, overdue_at + std::chrono::milliseconds{1});
    }
  }
  return next;
}

LoadCounts ClosedLoop::counts() const {
  LoadCounts counts;
  for (const auto& caller : callers_) {
    const std::lock_guard lock{caller->mutex};
    counts.sent += caller->sent;
    counts.ok += caller->ok;
    counts.lost += caller->lost_calls;
    counts.callers_at_work += !caller->ended && !caller->lost ? 1 : 0;
  }
  return counts;
}

History ClosedLoop::history() const {
  History history;
  for (const auto& caller : callers_) {
    const std::lock_guard lock{caller->mutex};
    history.sent += caller->sent;
    history.calls.insert(history.calls.end(), caller->calls.begin(), caller->calls.end());
  }
  return history;
}

}  // namespace ordeal::trial

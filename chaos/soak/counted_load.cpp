#include "chaos/soak/counted_load.hpp"

#include "testing/load/pool_answer.hpp"

namespace ordeal::chaos {

using trial::Outcome;
using trial::time_now;
using trial::TimePoint;

// `mutex` is held only to take notes.
struct CountedLoad::Caller {
  pool::core::Random random{0};
  std::thread thread;
  mutable std::mutex mutex;
  CountedTotals totals;
  TimePoint due{};       // of the call in hand
  bool in_hand = false;  // and not lost
  bool lost = false;     // the call in hand
  bool ended = false;
};

struct CountedLoad::Shared {
  pool::Pool& pool;
  CountedOptions options;
  std::shared_ptr<CallsLeft> calls;
  std::function<void()> on_ended;
};

CountedLoad::CountedLoad(pool::Pool& pool, const CountedOptions& options,
                         std::shared_ptr<CallsLeft> calls, std::function<void()> on_ended)
    : shared_(new Shared{pool, options, std::move(calls), std::move(on_ended)}) {
  pool::core::Random seeds{options.seed};
  for (std::uint32_t number = 0; number < options.callers; ++number) {
    callers_.push_back(std::make_shared<Caller>());
    callers_.back()->random = pool::core::Random{seeds.next()};
  }
  for (const auto& caller : callers_) {
    caller->thread = std::thread{[shared = shared_, caller] { run(shared, caller); }};
  }
}

CountedLoad::~CountedLoad() {
  shared_->calls->none();
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

void CountedLoad::run(const std::shared_ptr<Shared>& shared,
                      const std::shared_ptr<Caller>& caller) {
  while (shared->calls->take()) call_once(*shared, *caller);
  {
    const std::lock_guard lock{caller->mutex};
    caller->ended = true;
  }
  shared->on_ended();
}

namespace {

void count(CountedTotals& totals, const trial::Answer& answer, const trial::Nonce& nonce) {
  const bool idempotent = is_idempotent(nonce);
  const bool ok = answer.outcome == Outcome::ok;
  (ok ? totals.ok : answer.outcome == Outcome::failed ? totals.failed : totals.indeterminate) += 1;
  if (!idempotent && answer.attempts > 1) ++totals.tried_twice;
  if (ok) {
    if (idempotent) ++totals.idempotent_ok;
    if (trial::find_nonce(answer.reply_text) != nonce) ++totals.mixed_up;
    if (answer.attempts > 1) {
      ++totals.tried_again;
      totals.attempts_cut_short += answer.attempts - 1;
    }
    return;
  }
  ++totals.errors[answer.code];
  if (answer.death && answer.death->request_in_hand != 0) {
    totals.attempts_cut_short += answer.attempts;
  }
}

}  // namespace

void CountedLoad::call_once(const Shared& shared, Caller& caller) {
  trial::DrawnCall drawn = trial::draw_call(shared.options.mix, caller.random);
  const bool idempotent = is_idempotent(drawn.nonce);
  pool::CallOptions options{.deadline = time_now() + shared.options.deadline,
                            .idempotent = idempotent};
  if (idempotent) {
    options.retry = pool::RetryPolicy{.max_retries = shared.options.retries,
                                      .base_delay = std::chrono::milliseconds{2},
                                      .max_delay = std::chrono::milliseconds{50}};
  }
  const TimePoint due =
      options.deadline.resolve(TimePoint{}, shared.options.deadline) + trial::lost_after;
  {
    const std::lock_guard lock{caller.mutex};
    ++caller.totals.sent;
    if (idempotent) ++caller.totals.idempotent;
    caller.due = due;
    caller.in_hand = true;
  }
  const trial::Answer answer =
      trial::answer_of(shared.pool.call(drawn.command, pool::JsonText{drawn.arguments}, options));
  const std::lock_guard lock{caller.mutex};
  if (!caller.lost && time_now() > due) {
    ++caller.totals.lost;
  } else if (!caller.lost) {
    count(caller.totals, answer, drawn.nonce);
  }
  caller.in_hand = caller.lost = false;
}

TimePoint CountedLoad::sweep(TimePoint now) {
  TimePoint next = TimePoint::max();
  for (const auto& caller : callers_) {
    const std::lock_guard lock{caller->mutex};
    if (!caller->in_hand || caller->lost) continue;
    if (now > caller->due) {
      caller->lost = true;
      ++caller->totals.lost;
    } else {
      next = std::min(next, caller->due + std::chrono::milliseconds{1});
    }
  }
  return next;
}

CountedTotals CountedLoad::totals() const {
  CountedTotals all;
  for (const auto& caller : callers_) {
    const std::lock_guard lock{caller->mutex};
    const CountedTotals& one = caller->totals;
    all.sent += one.sent;
    all.ok += one.ok;
    all.failed += one.failed;
    all.indeterminate += one.indeterminate;
    all.lost += one.lost;
    all.mixed_up += one.mixed_up;
    all.idempotent += one.idempotent;
    all.idempotent_ok += one.idempotent_ok;
    all.tried_again += one.tried_again;
    all.attempts_cut_short += one.attempts_cut_short;
    all.tried_twice += one.tried_twice;
    for (const auto& [code, times] : one.errors) all.errors[code] += times;
  }
  return all;
}

bool CountedLoad::all_ended() const {
  for (const auto& caller : callers_) {
    const std::lock_guard lock{caller->mutex};
    if (!caller->ended && !caller->lost) return false;
  }
  return true;
}

bool CountedLoad::left_behind() const {
  for (const auto& caller : callers_) {
    const std::lock_guard lock{caller->mutex};
    if (!caller->ended) return true;
  }
  return false;
}

}  // namespace ordeal::chaos

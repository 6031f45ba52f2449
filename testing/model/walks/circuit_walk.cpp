// (31 to 37) A circuit by itself: calls that end in any order and late, orders by hand, time.
#include <vector>

#include "testing/model/naive_circuit.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using namespace std::chrono_literals;

namespace {

CircuitOptions draw_options(Random& random) {
  CircuitOptions o;
  const auto from = [&random](std::int64_t low, std::int64_t high) {
    return static_cast<std::uint32_t>(random.between(low, high));
  };
  o.enabled = true;
  o.rule = static_cast<pool::BreakerRule>(random.below(3));
  o.failures = from(1, 4);
  o.successes = from(1, 4);
  o.half_open_max = from(1, 3);
  o.half_open_expiry = Duration{random.between(1, 60)} * 1'000'000;
  o.open_base = Duration{random.between(1, 20)} * 1'000'000;
  o.open_max = 4 * o.open_base;
  o.growth_percent = from(100, 250);
  o.jitter_percent = random.chance(1, 2) ? 0 : from(0, 50);
  o.window_calls = from(1, 12);
  o.window = Duration{random.between(1, 5)} * 10'000'000;
  o.window_slices = from(1, 10);
  o.min_calls = from(1, o.window_calls);
  o.failure_percent = from(1, 100);
  o.slow_call = random.chance(1, 2) ? 0ms : 4ms;
  o.slow_percent = from(1, 100);
  return o;
}

class Walk {
 public:
  explicit Walk(Random& random)
      : random_(random),
        options_(draw_options(random)),
        real_(options_, random.next()),
        naive_(options_) {}

  const char* step() {
    if (random_.chance(1, 3)) now_ += Duration{random_.between(0, 4'000'000)};
    if (random_.chance(1, 40)) now_ += options_.open_base;
    const auto choice = random_.below(20);
    const char* error = nullptr;
    if (choice == 0) {
      const auto order = static_cast<CircuitOrder>(random_.below(6));
      real_.expire(now_);  // an order changes what is, not what was
      count_changes();
      real_.order(order, now_);
      naive_.ordered(order, now_);
    } else if (choice < 11 || calls_.empty()) {
      error = acquire();
    } else {
      end(random_.below(calls_.size()));
    }
    count_changes();
    real_.expire(now_);
    naive_.expire(now_);
    count_changes();
    if (error != nullptr) return error;
    if (changes_ != naive_.transitions()) return "(B5 8) each transition is one change";
    return naive_.compare(real_, now_);
  }

 private:
  struct Call {
    std::uint64_t epoch = 0;
    std::uint64_t permit = 0;
    Instant begun{};
  };
  void count_changes() {
    while (real_.take_change()) ++changes_;
  }
  const char* acquire() {
    const Circuit::Acquired got = real_.acquire(now_);
    if (got.verdict != Circuit::Verdict::admitted) {
      return naive_.refused(now_, got.verdict == Circuit::Verdict::half_open_limit);
    }
    Call call{.epoch = got.epoch, .begun = now_};
    const char* error = naive_.admitted(now_, call.permit);
    calls_.push_back(call);
    return error;
  }
  void end(std::size_t which) {
    const Call call = calls_[which];
    calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(which));
    const auto outcome = static_cast<Circuit::Outcome>(random_.below(3));
    real_.report(call.epoch, outcome, now_ - call.begun, now_);
    naive_.ended(call.permit, outcome, now_ - call.begun, now_);
  }

  Random& random_;
  CircuitOptions options_;
  Circuit real_;
  NaiveCircuit naive_;
  Instant now_{1s};
  std::vector<Call> calls_;
  std::uint64_t changes_ = 0;
};

}  // namespace

std::string walk_circuit(Random& random, std::uint32_t steps) {
  constexpr std::uint32_t each = 200;  // then another, with other options
  for (std::uint32_t walked = 0; walked < steps; walked += each) {
    Walk walk{random};
    for (std::uint32_t step = 0; step < std::min(each, steps - walked); ++step) {
      if (const char* error = walk.step(); error != nullptr) return error;
    }
  }
  return {};
}

}  // namespace ordeal::trial

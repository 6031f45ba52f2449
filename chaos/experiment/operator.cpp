#include "chaos/experiment/operator.hpp"

#include <fmt/format.h>

#include <utility>

namespace ordeal::chaos {
namespace {

// So many at most come of a load of thousands of calls a second: a worker takes longer to start.
constexpr milliseconds apart_min{20};
// A pause or a drain lasts.
constexpr std::int64_t closed_max_ms = 20;
constexpr std::int64_t size_max = 5;
// Ordered, and not waited for.
constexpr milliseconds at_once{0};

}  // namespace

void Operator::perhaps(pool::core::Random& random) {
  if (parts_ == 0 || !random.chance(parts_, 1000)) return;
  const std::lock_guard lock{mutex_};
  const TimePoint now = time_now();
  if (settled_ || now < next_at_) return;
  next_at_ = now + apart_min;
  act(random);
}

void Operator::settle() {
  const std::lock_guard lock{mutex_};
  if (std::exchange(settled_, true) || all_.empty()) return;
  (void)pool_.resume();
  (void)pool_.resize(size_, at_once);
}

std::vector<Operated> Operator::all() const {
  const std::lock_guard lock{mutex_};
  return all_;
}

void Operator::note(std::string what) { all_.push_back({time_now(), std::move(what)}); }

// What an order is answered is the pool's business: it may be stopping, or another roll under way.
void Operator::act(pool::core::Random& random) {
  const auto choice = random.below(6);
  const auto drawn = random.next();
  if (choice == 0) {
    const auto size = static_cast<std::uint32_t>(1 + drawn % size_max);
    note(fmt::format("resize to {}", size));
    (void)pool_.resize(size, at_once);
  } else if (choice <= 2) {
    note(choice == 1 ? "pause" : "drain");
    choice == 1 ? (void)pool_.pause() : (void)pool_.drain(at_once);
    const milliseconds closed{1 + static_cast<std::int64_t>(drawn % closed_max_ms)};
    agenda_.at(time_now() + closed, [this] { (void)pool_.resume(); });
  } else if (choice == 3) {
    const bool bad = bad_programs_ && ++rolls_ % 2 == 0;
    note(bad ? "roll to a program that does not start" : "roll");
    pool::WorkerProgram program;
    if (bad) program.command = {"false"};
    (void)pool_.roll(std::move(program), at_once);
  } else {
    const auto workers = pool_.status().workers;
    if (workers.empty()) return;
    const std::uint64_t worker = workers[drawn % workers.size()].worker;
    note(fmt::format("replace worker {}", worker));
    (void)pool_.drain_worker(worker, at_once);
  }
}

}  // namespace ordeal::chaos

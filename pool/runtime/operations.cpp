// What operators order of a running pool (core/replacing.cpp, core/rolling.cpp do it), and waiting
// until it is done.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/housekeeper.hpp"

namespace ordeal::pool::runtime {
namespace {

constexpr std::uint32_t size_max = 1024;  // as of the option

tl::unexpected<Error> overdue(std::string what) {
  return tl::unexpected(
      make_error(ErrorCode::operation_timeout, std::move(what) + " is not done yet; it goes on"));
}

tl::unexpected<Error> is_stopping() {
  return tl::unexpected(make_error(ErrorCode::pool_stopping, "the pool is stopping or stopped"));
}

[[nodiscard]] bool serves(const core::WorkerView& worker) {
  return worker.state == core::WorkerState::ready || worker.state == core::WorkerState::busy;
}

}  // namespace

std::optional<Error> Engine::refuse_operation() const {
  if (is_forked_copy()) return made_by_another_process();
  if (callbacks_.is_current()) {
    return make_error(ErrorCode::would_deadlock,
                      "waiting for an operation in a callback of the same pool could never end");
  }
  return std::nullopt;
}

// `look`, under the lock: empty while there is something to wait for.
Result<void> Engine::await_operation(const Deadline& deadline, std::string_view what,
                                     const std::function<std::optional<Result<void>>()>& look) {
  const Instant at = now();
  const Instant until = to_instant(deadline.resolve(to_steady(at), options_.call_timeout));
  const auto watched = [this](int by) {
    const std::lock_guard lock{mutex_};
    operations_awaited_ += by;
  };
  watched(1);
  Result<void> result;
  while (true) {
    const std::uint32_t ticket = progress_.ticket();
    {
      const std::lock_guard lock{mutex_};
      if (auto known = look()) {
        result = std::move(*known);
        break;
      }
      if (core_.stopping()) {
        result = is_stopping();
        break;
      }
    }
    if (now() >= until) {
      result = overdue(std::string{what});
      break;
    }
    progress_.wait_until(until, ticket);
  }
  watched(-1);
  return result;
}

Result<void> Engine::resize(std::uint32_t size, const Deadline& deadline) {
  if (auto refused = refuse_operation()) return tl::unexpected(std::move(*refused));
  if (size < 1 || size > size_max) {
    return tl::unexpected(
        make_error(ErrorCode::invalid_option,
                   fmt::format("resize: {} is out of range, allowed 1 to {}", size, size_max)));
  }
  if (stopping()) return is_stopping();
  feed(core::event::ResizeOrdered{size});
  return await_operation(deadline, fmt::format("resize to {}", size),
                         [&]() -> std::optional<Result<void>> {
                           if (core_.operations().size != size)
                             return Result<void>{};  // another was ordered since
                           std::uint32_t serving = 0;
                           for (const core::WorkerView& worker : core_.workers()) {
                             // Others may come and go all the time, where workers retire.
                             if (worker.leaves_for == core::TransitionReason::surplus) return {};
                             serving += serves(worker) && !worker.withdrawn ? 1 : 0;
                           }
                           if (serving < size) return {};
                           return Result<void>{};
                         });
}

Result<void> Engine::set_admission(core::Admission admission) {
  if (is_forked_copy()) return tl::unexpected(*refuse_operation());
  if (stopping()) return is_stopping();
  feed(core::event::AdmissionOrdered{admission});
  return {};
}

Result<void> Engine::drain(const Deadline& deadline) {
  if (auto refused = refuse_operation()) return tl::unexpected(std::move(*refused));
  if (auto ordered = set_admission(core::Admission::draining); !ordered) return ordered;
  return await_operation(deadline, "drain", [&]() -> std::optional<Result<void>> {
    const core::Counters& c = core_.counters();
    if (core_.operations().admission != core::Admission::draining) return Result<void>{};
    if (c.queued + c.running + c.backing_off > 0) return {};
    return Result<void>{};
  });
}

Result<void> Engine::drain_worker(std::uint64_t serial, const Deadline& deadline) {
  if (auto refused = refuse_operation()) return tl::unexpected(std::move(*refused));
  WakeList wakes;
  core::WorkerId id;
  {
    const std::lock_guard lock{mutex_};
    for (const core::WorkerView& worker : core_.workers()) {
      const bool in_service = serves(worker) || worker.state == core::WorkerState::degraded;
      if (worker.id.serial == serial && in_service) id = worker.id;
    }
    if (core_.stopping()) return is_stopping();
    if (!id) {
      return tl::unexpected(make_error(ErrorCode::worker_not_found,
                                       fmt::format("worker {}: no such worker serves", serial)));
    }
    feed_locked(now(), core::event::ReplaceOrdered{id}, wakes, nullptr);
  }
  wakes.notify_all();
  return await_operation(deadline, fmt::format("drain of worker {}", serial),
                         [&]() -> std::optional<Result<void>> {
                           for (const core::WorkerView& worker : core_.workers()) {
                             if (worker.id == id) return {};
                           }
                           return Result<void>{};
                         });
}

Result<std::uint64_t> Engine::begin_roll(WorkerProgram program, RollOf what) {
  WakeList wakes;
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock{mutex_};
    if (core_.stopping()) return is_stopping();
    const core::OperationsView view = core_.operations();
    if (view.rolling_to != 0) {
      return tl::unexpected(
          make_error(ErrorCode::roll_in_progress,
                     fmt::format("a roll to generation {} is under way", view.rolling_to)));
    }
    const WorkerProgram& before = programs_.at(view.generation);
    if (program.command.empty()) program.command = before.command;
    if (program.working_directory.empty()) program.working_directory = before.working_directory;
    if (!program.start_calls) program.start_calls = before.start_calls;
    generation = programs_.rbegin()->first + 1;
    // Whoever is to be started is of one of these two.
    if (what == RollOf::settings) settings_generation_ = generation;
    const WorkerProgram kept = before;
    programs_.clear();
    programs_.emplace(view.generation, kept);
    programs_.emplace(generation, std::move(program));
    feed_locked(now(), core::event::RollOrdered{generation}, wakes, nullptr);
  }
  wakes.notify_all();
  return generation;
}

Result<void> Engine::roll(WorkerProgram program, const Deadline& deadline) {
  if (auto refused = refuse_operation()) return tl::unexpected(std::move(*refused));
  const auto begun = begin_roll(std::move(program));
  if (!begun) return tl::unexpected(begun.error());
  return await_roll(*begun, deadline);
}

Result<void> Engine::await_roll(std::uint64_t generation, const Deadline& deadline) {
  auto done = await_operation(
      deadline, fmt::format("roll to generation {}", generation),
      [&]() -> std::optional<Result<void>> {
        const core::OperationsView view = core_.operations();
        if (view.rolling_to == generation) return {};
        if (view.generation == generation) return Result<void>{};
        if (view.failed_generation == generation) return tl::unexpected(roll_error(view));
        if (core_.stopping()) return is_stopping();
        return Result<void>{};  // another roll was ordered since, and this one done before
      });
  return done;
}

// Under the lock.
Error Engine::roll_error(const core::OperationsView& view) const {
  Error error = make_error(
      ErrorCode::roll_failed,
      fmt::format("worker {} of generation {} did not come up ({}); the pool has gone back to "
                  "generation {}",
                  view.failed_worker.serial, view.failed_generation, to_string(view.failure),
                  view.generation));
  error.worker = view.failed_worker.serial;
  if (last_start_failure_ && last_start_failure_->worker == error.worker) {
    error.message += ": " + last_start_failure_->message;
    error.certificate = last_start_failure_->certificate;
  }
  return error;
}

bool Engine::changes_settings_alone(std::uint64_t generation) const {
  const std::lock_guard lock{mutex_};
  return generation == settings_generation_;
}

WorkerProgram Engine::program_of(std::uint64_t generation) const {
  const std::lock_guard lock{mutex_};
  return programs_.at(generation);
}

}  // namespace ordeal::pool::runtime

namespace ordeal::pool {

Result<void> Pool::resize(std::uint32_t size, const Deadline& deadline) {
  return engine_->resize(size, deadline);
}
Result<void> Pool::pause() { return engine_->set_admission(core::Admission::paused); }
Result<void> Pool::resume() { return engine_->set_admission(core::Admission::open); }
Result<void> Pool::drain(const Deadline& deadline) { return engine_->drain(deadline); }
Result<void> Pool::drain_worker(std::uint64_t worker, const Deadline& deadline) {
  return engine_->drain_worker(worker, deadline);
}
Result<void> Pool::roll(WorkerProgram program, const Deadline& deadline) {
  return engine_->roll(std::move(program), deadline);
}

}  // namespace ordeal::pool

// Where a worker is in its code, asked of it while it lives: for a diagnosis.
//
// SIGUSR1 makes the kit's faulthandler write all Python stacks to stderr, also while C code holds
// the GIL, and the worker goes on. Who has no handler for the signal is not asked: it would die of
// it. Who is stopped cannot answer. The threads come newest first, so the main thread's outermost
// frame is the end of it; who writes something else is waited for until its time is over.
#include <fmt/format.h>

#include <csignal>

#include "pool/process/stack_dump.hpp"
#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/proc.hpp"

namespace ordeal::pool::runtime {
namespace {

bool is_whole(std::string_view stacks) {
  if (stacks.empty() || stacks.back() != '\n') return false;
  stacks.remove_suffix(1);
  const std::string_view last = stacks.substr(stacks.rfind('\n') + 1);
  return last.ends_with(" in <module>") || last.ends_with(" in _run_module_as_main");
}

}  // namespace

// By callers of diagnose().
void Engine::gather_stacks(Diagnosis& diagnosis, const DiagnosisOptions& options) {
  if (callbacks_.is_current() || stopped()) return;
  std::vector<std::pair<WorkerSight*, core::WorkerId>> asked;
  {
    const std::lock_guard lock{mutex_};
    for (WorkerSight& sight : diagnosis.workers) {
      const bool wanted = sight.request || options.worker != 0 || sight.state != "ready";
      if (!wanted || sight.pid <= 0) continue;
      for (const auto& record : workers_) {
        if (!record || record->id.serial != sight.worker) continue;
        inbox_.stack_asks.push_back({record->id, options.stacks_wait});
        asked.emplace_back(&sight, record->id);
      }
    }
    if (asked.empty()) return;
    for (auto& [sight, id] : asked) stacks_[id.serial].clear();
  }
  housekeeper_->kick();
  for (auto& [sight, id] : asked) await_stacks(*sight, id.serial);
}

void Engine::await_stacks(WorkerSight& sight, std::uint64_t serial) {
  while (true) {
    const std::uint32_t ticket = progress_.ticket();
    {
      const std::lock_guard lock{mutex_};
      const auto found = stacks_.find(serial);
      if (found == stacks_.end() || stopped()) return;  // another diagnosis has had them
      if (found->second.answered) {
        sight.stacks = std::move(found->second.stacks);
        sight.no_stacks = std::move(found->second.no_stacks);
        stacks_.erase(found);
        return;
      }
    }
    progress_.wait_until(core::never, ticket);
  }
}

// By the housekeeper.
void Engine::note_stacks(std::uint64_t worker, std::string stacks, std::string no_stacks) {
  {
    const std::lock_guard lock{mutex_};
    const auto found = stacks_.find(worker);
    if (found == stacks_.end()) return;
    found->second = {true, std::move(stacks), std::move(no_stacks)};
  }
  progress_.notify();
}

void Housekeeper::ask_stacks(const StackAsk& ask) {
  WorkerRecord* worker = engine_.worker(ask.worker);
  if (worker == nullptr || worker->exited) {
    return engine_.note_stacks(ask.worker.serial, {}, "its process is gone");
  }
  const auto refuse = [&](std::string why) {
    engine_.note_stacks(worker->id.serial, {}, std::move(why));
  };
  if (process_state(worker->pid) == ProcessState::stopped) {
    return refuse("its process is stopped, and answers nothing");
  }
  if (!worker->process->pipes().standard_error || !catches_signal(worker->pid, SIGUSR1)) {
    return refuse("it has no handler for SIGUSR1, which would write them (ordeal_worker has one)");
  }
  drain_stderr(*worker->stderr_tail, *worker->process);
  worker->stderr_before_stacks = worker->stderr_tail->bytes_seen();
  if (worker->process->signal_leader(SIGUSR1) != process::SignalOutcome::sent) {
    return refuse("it could not be signalled");
  }
  worker->stacks_due = core::after(now(), ask.wait);
}

// Something was written to stderr. REQUIRES: it was asked.
void Housekeeper::look_for_stacks(WorkerRecord& worker) {
  if (worker.dumping) {
    const std::string dump =
        process::find_stacks(worker.stderr_tail->since(*worker.stderr_before_dump), 64 * 1024);
    if (is_whole(dump)) end_dump(worker);
  }
  if (worker.stacks_due == core::never) return;
  const std::string stacks =
      process::find_stacks(worker.stderr_tail->since(worker.stderr_before_stacks), 64 * 1024);
  if (!is_whole(stacks)) return;
  worker.stacks_due = core::never;
  engine_.note_stacks(worker.id.serial, stacks, {});
}

// Its time is over, or it has exited: what there is will do.
void Housekeeper::end_stack_ask(WorkerRecord& worker) {
  if (worker.stacks_due == core::never) return;
  worker.stacks_due = core::never;
  std::string stacks =
      process::find_stacks(worker.stderr_tail->since(worker.stderr_before_stacks), 64 * 1024);
  const bool none = stacks.empty();
  engine_.note_stacks(worker.id.serial, std::move(stacks),
                      none ? "it was asked for them and has written nothing" : "");
}

}  // namespace ordeal::pool::runtime

// "Am I still in the process that made me?", for the price of one load.
//
// A pool that was copied by its host's fork() must not touch the parent's workers: same
// descriptors, same pids, but no thread of the pool and no right to its processes.
//
// By a page that the kernel wipes in a forked child (MADV_WIPEONFORK, Linux 4.14): no getpid() on
// each call, and, unlike a pthread_atfork handler, nothing global, nothing to unregister, and right
// also for a fork that goes round the C library. A child that shares memory (vfork) sees it whole.
// Where the kernel refuses, pids are compared.
//
// Thread safety: in_forked_child() from any thread.
#pragma once

#include <atomic>
#include <cstddef>

namespace ordeal::pool::process {

class ForkGuard {
 public:
  // One page for each guard: one guard for each pool, not for each worker.
  ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
  ~ForkGuard();

  [[nodiscard]] bool in_forked_child() const noexcept {
    if (mark_ != nullptr) [[likely]] {
      return mark_->load(std::memory_order_relaxed) == 0;
    }
    return has_other_pid();
  }

 private:
  [[nodiscard]] bool has_other_pid() const noexcept;

  std::atomic<unsigned>* mark_ = nullptr;  // the page's first word; null: the kernel refused
  std::size_t page_bytes_ = 0;
  int pid_ = -1;
};

}  // namespace ordeal::pool::process

#include "pool/process/fork_guard.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace ordeal::pool::process {

static_assert(std::atomic<unsigned>::is_always_lock_free);

ForkGuard::ForkGuard()
    : page_bytes_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))), pid_(::getpid()) {
  void* page =
      ::mmap(nullptr, page_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  if (::madvise(page, page_bytes_, MADV_WIPEONFORK) != 0) {
    (void)::munmap(page, page_bytes_);
    return;
  }
  mark_ = new (page) std::atomic<unsigned>(1);
}

ForkGuard::~ForkGuard() {
  if (mark_ != nullptr) (void)::munmap(mark_, page_bytes_);
}

bool ForkGuard::has_other_pid() const noexcept { return ::getpid() != pid_; }

}  // namespace ordeal::pool::process

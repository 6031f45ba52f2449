#include "pool/runtime/brief_mutex.hpp"

#include "pool/runtime/spin.hpp"

namespace ordeal::pool::runtime {
namespace {

// Some 2 µs together, four times as long as it is held at most.
constexpr int looks_max = 40;
constexpr int pauses_per_look = 4;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace

void BriefMutex::lock_when_free() {
  for (int look = 0; look < looks_max && usable_cpus() > 1; ++look) {
    for (int i = 0; i < pauses_per_look; ++i) pause();
    if (mutex_.try_lock()) return;
  }
  mutex_.lock();
}

}  // namespace ordeal::pool::runtime

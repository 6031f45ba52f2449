#include "chaos/faults/wall_clock.hpp"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

namespace ordeal::chaos {
namespace {

using std::chrono::milliseconds;

std::atomic<std::int64_t> offset_ms{0};

using ReadClock = int (*)(clockid_t, timespec*);

// The next one of this name: the C library's, or a sanitizer's before it.
ReadClock real_clock() {
  static const auto found = reinterpret_cast<ReadClock>(dlsym(RTLD_NEXT, "clock_gettime"));
  return found;
}

}  // namespace

void set_wall_clock_offset(milliseconds offset) { offset_ms.store(offset.count()); }
milliseconds wall_clock_offset() { return milliseconds{offset_ms.load()}; }

milliseconds seen_wall_clock_offset() {
  timespec kernel{};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &kernel);
  const auto true_time =
      std::chrono::seconds{kernel.tv_sec} + std::chrono::nanoseconds{kernel.tv_nsec};
  const auto seen = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::round<milliseconds>(seen - true_time);
}

}  // namespace ordeal::chaos

// Found before the C library's, by everybody in this process.
extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                                    timespec* at) noexcept {
  const int failed = ordeal::chaos::real_clock()(clock, at);
  if (failed != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
  constexpr std::int64_t ns_per_ms = 1'000'000;
  constexpr std::int64_t ns_per_s = 1'000'000'000;
  const std::int64_t offset = ordeal::chaos::offset_ms.load(std::memory_order_relaxed);
  const std::int64_t ns = at->tv_nsec + (offset % 1000) * ns_per_ms;
  at->tv_sec += offset / 1000 + (ns < 0 ? -1 : ns / ns_per_s);
  at->tv_nsec = ns < 0 ? ns + ns_per_s : ns % ns_per_s;
  return 0;
}

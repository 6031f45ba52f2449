// One CPU for this thread and all that it starts, until destroyed.
#pragma once

#include <sched.h>

namespace ordeal::perf {

class Pinning {
 public:
  explicit Pinning(bool wanted) : wanted_(wanted) {
    if (!wanted_) return;
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~Pinning() {
    if (wanted_) sched_setaffinity(0, sizeof before_, &before_);
  }
  Pinning(const Pinning&) = delete;
  Pinning& operator=(const Pinning&) = delete;

 private:
  bool wanted_;
  cpu_set_t before_{};
};

}  // namespace ordeal::perf

// A mutex for what takes less than a microsecond.
//
// Who finds it held looks again for a while before he sleeps: on a machine with several CPUs its
// holder is about to let it go, and to sleep and be woken costs several times what he holds it for;
// and a core that falls asleep meanwhile costs its next user more than a whole call
// (perf/README.md). On one CPU the holder cannot run while somebody looks: there he sleeps at once.
#pragma once

#include <mutex>

namespace ordeal::pool::runtime {

class BriefMutex {
 public:
  void lock() {
    if (!mutex_.try_lock()) lock_when_free();
  }
  [[nodiscard]] bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  void lock_when_free();

  std::mutex mutex_;
};

}  // namespace ordeal::pool::runtime

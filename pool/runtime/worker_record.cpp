#include "pool/runtime/worker_record.hpp"

#include <sys/eventfd.h>

namespace ordeal::pool::runtime {

void WorkerRecord::interrupt() const { (void)eventfd_write(interrupt_event.get(), 1); }

void WorkerRecord::clear_interrupts() {
  if (interrupts.load(std::memory_order_acquire) == 0) return;
  interrupts.store(0, std::memory_order_release);
  eventfd_t stale = 0;
  (void)eventfd_read(interrupt_event.get(), &stale);
}

}  // namespace ordeal::pool::runtime

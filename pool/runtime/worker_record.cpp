#include "pool/runtime/worker_record.hpp"

namespace ordeal::pool::runtime {

void WorkerRecord::clear_interrupts() {
  if (interrupts.load(std::memory_order_acquire) == 0) return;
  interrupts.store(0, std::memory_order_release);
  waiter->clear_interrupt();
}

}  // namespace ordeal::pool::runtime

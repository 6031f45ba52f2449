#include "pool/process/certificate.hpp"

#include <csignal>
#include <utility>

namespace ordeal::pool::process {

DeathCertificate make_certificate(const ExitStatus& status, DeathFacts facts, OomCounter* oom,
                                  OomCounter::Instant now) {
  DeathCertificate certificate;
  certificate.worker = facts.worker;
  certificate.pid = facts.pid;
  certificate.status_known = status.known;
  certificate.exit_code = status.exit_code;
  certificate.term_signal = status.signal;
  certificate.core_dumped = status.core_dumped;
  certificate.killed_by_pool = !facts.kill_reason.empty();
  certificate.kill_reason = std::move(facts.kill_reason);
  certificate.retired_for = std::move(facts.retired_for);
  certificate.before_ready = facts.before_ready;
  certificate.peak_rss_kib = status.peak_rss_kib;
  certificate.age_ms = facts.age.count();
  certificate.served = facts.served;
  certificate.request_in_hand = facts.request_in_hand;
  certificate.stderr_tail = std::move(facts.stderr_tail);
  certificate.stack_dump = std::move(facts.stack_dump);
  const bool killed_by_others = status.signal == SIGKILL && !certificate.killed_by_pool;
  if (killed_by_others) {
    const bool can_be_known = oom != nullptr && !oom->file().empty();
    certificate.out_of_memory = !can_be_known     ? OutOfMemory::unknown
                                : oom->claim(now) ? OutOfMemory::possible
                                                  : OutOfMemory::no;
  } else if (!status.known) {
    certificate.out_of_memory = OutOfMemory::unknown;
  }
  return certificate;
}

}  // namespace ordeal::pool::process

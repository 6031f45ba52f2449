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
  const bool killed_by_others = status.signal == SIGKILL && !certificate.killed_by_pool;
  certificate.possibly_out_of_memory = killed_by_others && oom != nullptr && oom->claim(now);
  return certificate;
}

}  // namespace ordeal::pool::process

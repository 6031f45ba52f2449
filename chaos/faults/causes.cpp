#include "chaos/faults/causes.hpp"

#include <algorithm>
#include <vector>

namespace ordeal::chaos {
namespace {

using Codes = std::vector<std::string_view>;

// Of waiting, and of what protects a pool that is short of workers.
const Codes of_any = {"queue_full",          "queue_timeout", "call_timeout",
                      "workers_unavailable", "request_shed",  "deadline_unreachable",
                      "circuit_open",        "cancelled",     "circuit_half_open_limit",
                      "cancelled_in_flight"};
// A worker's end, as its callers and those of its sessions see it; and starts that go wrong.
const Codes of_death = {"worker_died",      "worker_closed_stream", "truncated_reply",
                        "poisoned_request", "session_state_lost",   "spawn_failed",
                        "start_exited",     "start_timeout",        "handshake_failed"};
const Codes of_store = {"store_unavailable", "store_timeout", "store_full"};

struct Row {
  std::string_view name;
  Codes codes;  // besides those of any fault, and of its aim
  bool death = true;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"wrong_id", {"reply_id_mismatch"}},
      {"stale_reply", {"reply_id_mismatch", "stray_output"}},
      {"duplicate_reply", {"reply_id_mismatch", "stray_output"}},
      {"stray_output", {"stray_output", "malformed_frame", "malformed_reply", "reply_too_large"}},
      {"garbage_reply", {"malformed_reply", "malformed_frame", "reply_too_large"}},
      {"flip_bit",
       {"malformed_reply", "malformed_frame", "reply_id_mismatch", "reply_too_large",
        "application_error"}},
      {"oversize_reply", {"reply_too_large"}},
      {"truncate_reply", {"truncated_reply"}},
      {"limit_files_worker", {"application_error"}},
      {"limit_memory_worker", {"application_error"}},
      {"fail_system_calls", {"application_error"}},
      {"starve_memory_cgroup", {"application_error"}},
      {"jump_clock", {"session_expired"}, false},
      {"stall_housekeeper", {}, false},
      {"kill_host", of_store, false},
      {"model_rate_limit", {"application_error"}, false},
      {"model_error", {"application_error"}, false},
      {"model_slow", {"application_error"}, false},
      {"model_drop", {"application_error"}, false},
      {"model_malformed", {"application_error"}, false},
      {"lock_store", of_store, false},
      {"slow_store", of_store, false},
      {"fill_store", of_store, false},
      // Nothing on the wire is touched, and nobody dies of them.
      {"delay_replies", {}, false},
      {"throttle_replies", {}, false},
      {"split_replies", {}, false},
      {"stall_observer", {}, false},
      {"signal_storm", {}, false},
  };
  return all;
}

bool has(const Codes& codes, std::string_view code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

Codes own_codes(const FaultKind& kind) {
  const auto row = std::find_if(rows().begin(), rows().end(),
                                [&kind](const Row& r) { return r.name == kind.name; });
  Codes codes = row == rows().end() ? Codes{} : row->codes;
  if (row == rows().end() || row->death) {
    codes.insert(codes.end(), of_death.begin(), of_death.end());
  }
  return codes;
}

}  // namespace

bool may_cause(const FaultKind& kind, std::string_view code) {
  return has(of_any, code) || has(own_codes(kind), code);
}

bool operations_may_cause(std::string_view code) {
  return has(of_any, code) || code == "pool_draining" || code == "session_state_lost";
}

bool stop_may_cause(std::string_view code) {
  return has(of_any, code) || has(of_death, code) || code == "pool_stopping" ||
         code == "stopped_in_flight";
}

std::string causes_of(const FaultKind& kind) {
  std::string text;
  for (const std::string_view code : own_codes(kind)) {
    if (!text.empty()) text += ", ";
    text += code;
  }
  return text.empty() ? "none but those of waiting" : text;
}

}  // namespace ordeal::chaos

// Which errors a caller of a sound pool may see while a fault is about: a wrong word for what
// happened is a defect, too (a late reply that somebody else gets is reply_id_mismatch there).
#pragma once

#include <string>
#include <string_view>

#include "chaos/faults/fault.hpp"

namespace ordeal::chaos {

// `code` as pool::to_string has it. Whatever tells of waiting (time-outs, full queues, refusals,
// open circuits) may come of any fault.
[[nodiscard]] bool may_cause(const FaultKind& kind, std::string_view code);
// The same while an operator is at work; and when the pool is told to stop with callers in it.
[[nodiscard]] bool operations_may_cause(std::string_view code);
[[nodiscard]] bool stop_may_cause(std::string_view code);
// "worker_died, truncated_reply, ..." without what any fault may cause.
[[nodiscard]] std::string causes_of(const FaultKind& kind);

}  // namespace ordeal::chaos

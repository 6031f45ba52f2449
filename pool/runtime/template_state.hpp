// The pool's warm template (process/fork_template.hpp) as the housekeeper minds it: templates.cpp.
//
//   none ──a worker is wanted──▶ importing ──ready──▶ ready ──died──▶ none (a new one after a
//   pause)
//                                    │                 │
//                                    └─not a template──┴─refused (it has threads)──▶ cold, for good
//
// Invariants:
//   (1) A worker that is wanted while there is no template, and none may be started yet, starts
//       cold: the template's death costs time, never a worker.
//   (2) spares + forks under way >= waiting, as long as the template is ready.
//   (3) A worker that is waiting is in `waiting` alone: the core may give it up at any time.
#pragma once

#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "ordeal/pool/status.hpp"
#include "pool/core/ids.hpp"
#include "pool/process/fork_template.hpp"
#include "pool/process/stderr_tail.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {

// How long spares are put off for a worker that starts.
inline constexpr Duration spare_patience = std::chrono::milliseconds{100};

struct TemplateState {
  enum class Phase : std::uint8_t {
    none,
    importing,
    ready,
    cold,
  };
  Phase phase = Phase::none;
  std::uint64_t of_generation = 1;  // whose workers it forks
  std::optional<process::ForkTemplate> process;
  std::optional<process::StderrTail> stderr_tail;
  struct Waiting {
    core::WorkerId worker;
    std::uint64_t generation = 1;
  };
  std::deque<Waiting> waiting;                // to be forked, oldest first
  std::deque<process::WorkerProcess> spares;  // forked and idle; the warden knows them
  Instant started_at{};
  Instant ready_at{};
  bool hung = false;                // it was killed because its import hangs
  bool revive = false;              // it had been ready and has died: another is wanted
  Instant not_before{};             // of the next template
  Instant spares_at = core::never;  // then more are forked, though some worker is not ready
  std::uint32_t short_lives = 0;    // templates in a row that died soon after they were ready
  TemplateStatus told;              // as status() says it
};

[[nodiscard]] constexpr std::string_view to_string(TemplateState::Phase phase) {
  switch (phase) {
    case TemplateState::Phase::none:
      return "none";
    case TemplateState::Phase::importing:
      return "importing";
    case TemplateState::Phase::ready:
      return "ready";
    case TemplateState::Phase::cold:
      return "cold";
  }
  return "";
}

}  // namespace ordeal::pool::runtime

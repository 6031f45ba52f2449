// The recorder of the core's inputs and answers, for replay (core/trace.hpp has the format).
//
// Bounded: where the next event might not fit into record_bytes_max it stops, between two events,
// so that what is there is a whole, replayable beginning; stopped_early() says so.
// Not thread-safe: used under the engine's lock. Costs one branch while off.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/options.hpp"
#include "pool/core/action.hpp"
#include "pool/core/core.hpp"
#include "pool/core/event.hpp"

namespace ordeal::pool::runtime {

class Recorder {
 public:
  // Opens options.record_file (owner-only, truncated) if there is one.
  Result<void> open(const Options& options, const core::CoreOptions& core_options);
  void event(core::Instant at, const core::Event& event) {
    if (file_) write_event(at, event);
  }
  void action(const core::Action& action) {
    if (file_) write_action(action);
  }
  // Whether the core makes Emit actions: it changes what the core answers. Call it when set_emit
  // is.
  void emit(bool enabled) {
    if (file_ && enabled != emitting_) write_emit(enabled);
  }
  void close() { file_.reset(); }
  [[nodiscard]] bool stopped_early() const { return stopped_early_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void write_event(core::Instant at, const core::Event& event);
  void write_action(const core::Action& action);
  void write_emit(bool enabled);
  void put_line();

  std::unique_ptr<std::FILE, Close> file_;
  std::string line_;
  std::uint64_t bytes_left_ = 0;
  std::uint64_t room_ = 0;  // that must be left before the next event
  bool emitting_ = false;
  bool stopped_early_ = false;
};

}  // namespace ordeal::pool::runtime

// The recorder of the core's inputs and answers, for replay (core/trace.hpp has the format).
//
// Bounded: after bytes_max it stops and says so in the file, so that what is there is a replayable
// beginning. Not thread-safe: used under the engine's lock. Costs one branch while off.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/options.hpp"
#include "pool/core/action.hpp"
#include "pool/core/event.hpp"

namespace ordeal::pool::runtime {

class Recorder {
 public:
  // Opens options.record_file (owner-only, truncated) if there is one.
  Result<void> open(const Options& options);
  void event(core::Instant at, const core::Event& event) {
    if (file_) write_event(at, event);
  }
  void action(const core::Action& action) {
    if (file_) write_action(action);
  }
  void emit_changed(bool enabled);
  void close() { file_.reset(); }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void write_event(core::Instant at, const core::Event& event);
  void write_action(const core::Action& action);
  void flush_line();

  std::unique_ptr<std::FILE, Close> file_;
  std::string line_;
  std::uint64_t bytes_left_ = 0;
};

}  // namespace ordeal::pool::runtime

#include "pool/runtime/recorder.hpp"
namespace ordeal::pool::runtime {
Result<void> Recorder::open(const Options&) { return {}; }
void Recorder::write_event(core::Instant, const core::Event&) {}
void Recorder::write_action(const core::Action&) {}
}  // namespace ordeal::pool::runtime

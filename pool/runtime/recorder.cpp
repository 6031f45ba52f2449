#include "pool/runtime/recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pool/core/trace.hpp"
#include "pool/process/owner_only.hpp"

namespace ordeal::pool::runtime {
namespace {

// Room kept for one event and its answers: stopping the pool resolves every waiter at once.
constexpr std::uint64_t room_for_an_event = 256 * 1024;

}  // namespace

Result<void> Recorder::open(const Options& options, const core::CoreOptions& core_options) {
  if (options.record_file.empty()) return {};
  const int descriptor =
      ::open(options.record_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::FILE* file =
      descriptor < 0 || !process::make_owner_only(descriptor) ? nullptr : fdopen(descriptor, "w");
  if (file == nullptr) {
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    return tl::unexpected(make_error(ErrorCode::invalid_option,
                                     fmt::format("option record_file: cannot write {}: {}",
                                                 options.record_file, std::strerror(error))));
  }
  file_.reset(file);
  bytes_left_ = options.record_bytes_max;
  room_ = std::min(room_for_an_event, options.record_bytes_max / 4);
  core::write_header(line_, {.options = core_options, .seed = *options.seed, .emit = false});
  put_line();
  return {};
}

void Recorder::put_line() {
  std::fwrite(line_.data(), 1, line_.size(), file_.get());
  bytes_left_ -= std::min<std::uint64_t>(bytes_left_, line_.size());
  line_.clear();
}

void Recorder::write_event(core::Instant at, const core::Event& event) {
  if (bytes_left_ < room_) {
    stopped_early_ = true;
    return close();
  }
  core::write_event(line_, at, event);
  put_line();
}

void Recorder::write_action(const core::Action& action) {
  core::write_action(line_, action);
  put_line();
}

void Recorder::write_emit(bool enabled) {
  emitting_ = enabled;
  core::write_emit_switch(line_, enabled);
  put_line();
}

}  // namespace ordeal::pool::runtime

// The steps of a spawn, in order: each can fail, is named in the error, and can be made to fail by
// a test.
//
// To add one: (1) a line here and its name in spawn_step.cpp; (2) ask `hook->before(step)` in front
// of the system call; (3) nothing more: tests/spawn_fail_at_test walks every step.
#pragma once

#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::process {

enum class SpawnStep : unsigned char {
  // In the host.
  checked_request,  // the request itself is wrong: empty command, NUL in a string, ...
  found_program,    // search along PATH
  made_request_pipe,
  made_reply_pipe,
  made_error_pipe,
  made_progress_pipe,
  set_non_blocking,
  made_lifeline,  // this and the next three: Warden::start()
  opened_host_pidfd,
  made_image,
  wrote_image,
  mapped_stack,
  cloned,
  // In the child.
  set_group,
  set_session,
  opened_own_pidfd,
  registered,  // with the warden
  moved_descriptors,
  placed_descriptors,
  marked_close_on_exec,
  changed_directory,
  reset_signals,
  executed,
};

// What the step does, as it stands in messages: "execve", "chdir", "clone", ...
[[nodiscard]] std::string_view to_string(SpawnStep step);

// For tests. before() is asked in front of each system call of a spawn; an errno other than 0 is
// what the call then fails with, without being made.
// From set_group on it runs in the child, in the host's memory, the host's thread suspended: it may
// use raw_syscall() only, and must not allocate, lock or throw.
class SpawnHook {
 public:
  virtual ~SpawnHook() = default;
  [[nodiscard]] virtual int before(SpawnStep step) noexcept = 0;
};

[[nodiscard]] inline int ask(SpawnHook* hook, SpawnStep step) noexcept {
  return hook == nullptr ? 0 : hook->before(step);
}

// "ENOENT (No such file or directory)", whatever the locale.
[[nodiscard]] std::string describe_errno(int number);

// spawn_failed: "<subject> failed at <step>: <errno>".
[[nodiscard]] Error spawn_error(std::string_view subject, SpawnStep step, int number);

}  // namespace ordeal::pool::process

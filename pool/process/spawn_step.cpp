#include "pool/process/spawn_step.hpp"

#include <fmt/format.h>

#include <cstring>

namespace ordeal::pool::process {

std::string_view to_string(SpawnStep step) {
  switch (step) {
    case SpawnStep::checked_request:
      return "check of the request";
    case SpawnStep::found_program:
      return "search along PATH";
    case SpawnStep::made_request_pipe:
      return "pipe2 for requests";
    case SpawnStep::made_reply_pipe:
      return "pipe2 for replies";
    case SpawnStep::made_error_pipe:
      return "pipe2 for stderr";
    case SpawnStep::made_progress_pipe:
      return "pipe2 for progress";
    case SpawnStep::set_non_blocking:
      return "fcntl O_NONBLOCK";
    case SpawnStep::made_lifeline:
      return "socketpair for the lifeline";
    case SpawnStep::opened_host_pidfd:
      return "pidfd_open of the host";
    case SpawnStep::made_image:
      return "memfd_create";
    case SpawnStep::wrote_image:
      return "write of its image";
    case SpawnStep::mapped_stack:
      return "mmap of the child's stack";
    case SpawnStep::cloned:
      return "clone";
    case SpawnStep::set_group:
      return "setpgid";
    case SpawnStep::set_session:
      return "setsid";
    case SpawnStep::opened_own_pidfd:
      return "pidfd_open of itself";
    case SpawnStep::registered:
      return "registration with the warden";
    case SpawnStep::moved_descriptors:
      return "fcntl F_DUPFD";
    case SpawnStep::placed_descriptors:
      return "dup3";
    case SpawnStep::marked_close_on_exec:
      return "close_range";
    case SpawnStep::changed_directory:
      return "chdir";
    case SpawnStep::reset_signals:
      return "rt_sigaction";
    case SpawnStep::executed:
      return "execve";
  }
  return "an unknown step";
}

std::string describe_errno(int number) {
  const char* name = strerrorname_np(number);
  const char* text = strerrordesc_np(number);
  if (name == nullptr || text == nullptr) return fmt::format("errno {}", number);
  return fmt::format("{} ({})", name, text);
}

Error spawn_error(std::string_view subject, SpawnStep step, int number) {
  return make_error(ErrorCode::spawn_failed, fmt::format("{} failed at {}: {}", subject,
                                                         to_string(step), describe_errno(number)));
}

}  // namespace ordeal::pool::process

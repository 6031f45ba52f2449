#include "pool/process/file_descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>

#include "pool/process/spawn_step.hpp"

namespace ordeal::pool::process {
namespace {

// O_NONBLOCK belongs to the open file description, and the two ends of a pipe have one each: so
// the host's end can be non-blocking while the worker's end blocks, as programs expect.
[[nodiscard]] int set_non_blocking(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0) return errno;
  return ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

}  // namespace

void FileDescriptor::reset(int descriptor) noexcept {
  const int old = std::exchange(descriptor_, descriptor);
  if (old < 0) return;
  const int saved = errno;
  (void)::close(old);
  errno = saved;
}

FileDescriptor open_anew(int descriptor, int flags) {
  const std::string path = "/proc/thread-self/fd/" + std::to_string(descriptor);
  return FileDescriptor{::open(path.c_str(), flags | O_CLOEXEC)};
}

Result<Pipe> make_pipe(const PipeOptions& options) {
  return make_pipe(options, nullptr, SpawnStep::made_request_pipe);
}

Result<Pipe> make_pipe(const PipeOptions& options, SpawnHook* hook, SpawnStep step) {
  std::array<int, 2> ends{-1, -1};
  int failed = ask(hook, step);
  if (failed == 0 && ::pipe2(ends.data(), O_CLOEXEC) != 0) failed = errno;
  if (failed != 0) return tl::unexpected(spawn_error("making a pipe", step, failed));
  Pipe pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};

  for (const auto& [end, wanted] : {std::pair{ends[0], options.read_end_non_blocking},
                                    std::pair{ends[1], options.write_end_non_blocking}}) {
    if (!wanted) continue;
    failed = ask(hook, SpawnStep::set_non_blocking);
    if (failed == 0) failed = set_non_blocking(end);
    if (failed != 0) {
      return tl::unexpected(spawn_error("making a pipe", SpawnStep::set_non_blocking, failed));
    }
  }
  if (options.bytes_min > 0) {
    constexpr std::size_t int_max = std::numeric_limits<int>::max();
    const int bytes = static_cast<int>(std::min(options.bytes_min, int_max));
    if (bytes > ::fcntl(ends[0], F_GETPIPE_SZ)) (void)::fcntl(ends[0], F_SETPIPE_SZ, bytes);
  }
  return pipe;
}

}  // namespace ordeal::pool::process

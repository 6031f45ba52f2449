// Descriptors that close themselves, and pipes made of them.
#pragma once

#include <cstddef>
#include <utility>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::process {

class SpawnHook;
enum class SpawnStep : unsigned char;

// Owns one descriptor, or none (-1). Move-only. Thread safety: as an int.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { reset(); }

  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

  // Closes what is held, then holds `descriptor`. Never closes twice: on Linux a close that fails
  // with EINTR has closed, and the number may already be somebody else's. Keeps errno.
  void reset(int descriptor = -1) noexcept;

 private:
  int descriptor_ = -1;
};

// The same file once more, with a description and `flags` of its own (O_CLOEXEC is added); none,
// and errno says why, where the system does not let one. Not of /proc/self: that has nothing any
// more once the process's first thread has ended.
[[nodiscard]] FileDescriptor open_anew(int descriptor, int flags);

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;
};

struct PipeOptions {
  bool read_end_non_blocking = false;
  bool write_end_non_blocking = false;
  std::size_t bytes_min = 0;  // asks for at least this capacity (F_SETPIPE_SZ); 0: the system's
};

// Both ends close on exec. A refused capacity (the user's pipe-user-pages-soft is spent) is not an
// error: the pipe then has the system's capacity.
// Outcomes: the pipe, or spawn_failed with the errno's text and `step`'s name.
// `hook` and `step` are for spawn(), which names its steps and lets tests make each fail.
[[nodiscard]] Result<Pipe> make_pipe(const PipeOptions& options = {});
[[nodiscard]] Result<Pipe> make_pipe(const PipeOptions& options, SpawnHook* hook, SpawnStep step);

}  // namespace ordeal::pool::process

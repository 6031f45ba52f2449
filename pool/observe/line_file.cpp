#include "pool/observe/line_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "pool/process/owner_only.hpp"

namespace ordeal::pool::observe {

using std::chrono::system_clock;

Result<LineFile> LineFile::open(std::string_view noun, const std::string& path) {
  const auto refuse = [&](const std::string& reason) {
    return tl::unexpected(
        make_error(ErrorCode::invalid_option, fmt::format("{} {}: {}", noun, path, reason)));
  };
  // Not blocking: a named pipe without a reader is an error at once, not a hang.
  process::FileDescriptor file{::open(
      path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600)};
  if (!file) return refuse(std::generic_category().message(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse(std::generic_category().message(errno));
  // A terminal, a pipe: its owner decided already.
  if (!S_ISREG(status.st_mode)) return LineFile{noun, std::move(file)};
  if (status.st_uid != ::geteuid()) {
    return refuse(fmt::format("it belongs to user {}, not to user {}", status.st_uid, ::geteuid()));
  }
  if (!process::make_owner_only(file.get())) {
    return refuse(std::generic_category().message(errno));
  }
  return LineFile{noun, std::move(file)};
}

void LineFile::append(std::string line) {
  line += '\n';
  if (torn_) line.insert(line.begin(), '\n');
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t count = ::write(file_.get(), line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      torn_ = torn_ || written > 0;
      throw std::system_error(errno, std::generic_category(), noun_);
    }
    written += static_cast<std::size_t>(count);
  }
  torn_ = false;
}

std::string utc(system_clock::time_point time) {
  const auto microseconds = std::chrono::floor<std::chrono::microseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(microseconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(system_clock::to_time_t(seconds)),
                     (microseconds - seconds).count());
}

system_clock::time_point wall_time(std::chrono::steady_clock::time_point at) {
  const auto age = std::chrono::steady_clock::now() - at;
  return system_clock::now() - std::chrono::duration_cast<system_clock::duration>(age);
}

}  // namespace ordeal::pool::observe

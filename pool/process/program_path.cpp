#include "pool/process/program_path.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace ordeal::pool::process {
namespace {

// 0 if `path` is a regular file that this user may execute; else the errno.
[[nodiscard]] int why_not_executable(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (!S_ISREG(status.st_mode)) return EACCES;
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

[[nodiscard]] std::string made_absolute(std::string path) {
  if (path.starts_with('/')) return path;
  std::error_code ignored;
  const std::filesystem::path absolute = std::filesystem::absolute(path, ignored);
  return ignored ? path : absolute.string();
}

}  // namespace

tl::expected<std::string, int> find_program(std::string_view name, std::string_view path,
                                            bool make_absolute) {
  if (name.empty()) return tl::unexpected(ENOENT);
  if (name.find('/') != std::string_view::npos) {
    std::string found(name);
    return make_absolute ? made_absolute(std::move(found)) : found;
  }
  int worst = ENOENT;
  for (;;) {
    const std::size_t colon = path.find(':');
    const std::string_view directory = path.substr(0, colon);
    std::string candidate(directory.empty() ? "." : directory);
    candidate.append("/").append(name);
    const int why_not = why_not_executable(candidate);
    if (why_not == 0) return make_absolute ? made_absolute(std::move(candidate)) : candidate;
    if (why_not == EACCES) worst = EACCES;
    if (colon == std::string_view::npos) return tl::unexpected(worst);
    path.remove_prefix(colon + 1);
  }
}

}  // namespace ordeal::pool::process

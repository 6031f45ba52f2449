#include "pool/process/data_file.hpp"

#include <filesystem>
#include <system_error>

namespace ordeal::pool::process {

std::string data_file(std::string_view name, std::string_view in_checkout) {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::filesystem::path installed =
      program.parent_path().parent_path() / "share" / "ordeal" / name;
  return std::filesystem::exists(installed, ignored) ? installed.string()
                                                     : std::string(in_checkout);
}

}  // namespace ordeal::pool::process

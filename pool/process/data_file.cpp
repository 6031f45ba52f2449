#include "pool/process/data_file.hpp"

#include <system_error>

namespace ordeal::pool::process {

std::string data_file(std::string_view name, std::string_view in_checkout) {
  std::error_code ignored;
  const std::filesystem::path installed =
      own_program().parent_path().parent_path() / "share" / "ordeal" / name;
  return std::filesystem::exists(installed, ignored) ? installed.string()
                                                     : std::string(in_checkout);
}

std::filesystem::path own_program() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored);
}

std::string program_beside(std::string_view name) { return own_program().parent_path() / name; }

}  // namespace ordeal::pool::process

#include "testing/isolation/own_names.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace ordeal::trial {

namespace fs = std::filesystem;

namespace {

std::string fresh_id() {
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("{}-{}", ::getpid(), ++count);
}

}  // namespace

OwnNames::OwnNames() : id_(fresh_id()) {}

OwnNames::~OwnNames() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

std::string OwnNames::name(std::string_view what) const { return fmt::format("{}-{}", what, id_); }

const std::string& OwnNames::folder() {
  if (!folder_.empty()) return folder_;
  // Another run may have had this process id.
  std::string made = (fs::temp_directory_path() / (name("test") + "-XXXXXX")).string();
  if (::mkdtemp(made.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), made);
  }
  return folder_ = made;
}

}  // namespace ordeal::trial

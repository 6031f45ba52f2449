#include "testing/isolation/contamination.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

namespace ordeal::trial {
namespace {

namespace fs = std::filesystem;

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return all;
}

std::string directory() {
  std::error_code gone;
  return fs::current_path(gone).string();
}

mode_t current_umask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

// Values may be secrets: only names are told.
void put_back(const std::map<std::string, std::string>& before, std::vector<std::string>& found) {
  for (const auto& [name, value] : environment()) {
    const auto was = before.find(name);
    if (was == before.end()) {
      found.push_back(fmt::format("environment variable {} is new", name));
      ::unsetenv(name.c_str());
    } else if (was->second != value) {
      found.push_back(fmt::format("environment variable {} has another value", name));
    }
  }
  for (const auto& [name, value] : before) {
    if (std::getenv(name.c_str()) == nullptr) {
      found.push_back(fmt::format("environment variable {} is gone", name));
    }
    ::setenv(name.c_str(), value.c_str(), 1);
  }
}

}  // namespace

ContaminationWatch::ContaminationWatch()
    : before_(take_snapshot({})),
      environment_(environment()),
      directory_(directory()),
      umask_(current_umask()),
      signals_(signal_setup()) {}

std::vector<std::string> ContaminationWatch::clean_up(std::chrono::milliseconds patience) {
  std::vector<std::string> found;
  const std::vector<Leak> leaks = leaks_since(before_, {}, patience);
  for (const Leak& leak : leaks) found.push_back(leak.what + " is left");
  trial::clean_up(leaks);
  put_back(environment_, found);
  if (const std::string now = directory(); now != directory_) {
    found.push_back(fmt::format("the working directory is {} now, it was {}", now, directory_));
    if (::chdir(directory_.c_str()) != 0) found.push_back("and that is gone");
  }
  if (const mode_t now = ::umask(umask_); now != umask_) {
    found.push_back(fmt::format("the umask is {:03o} now, it was {:03o}", now, umask_));
  }
  for (const std::string& change : changes_of(signals_, signal_setup())) {
    found.push_back("signals have changed: " + change);
  }
  restore(signals_);
  return found;
}

}  // namespace ordeal::trial

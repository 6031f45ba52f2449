#include "pool/process/environment.hpp"

#include <algorithm>
#include <array>

namespace ordeal::pool::process {
namespace {

[[nodiscard]] std::string_view name_of(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

[[nodiscard]] bool is_named(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](std::string_view allowed) {
    if (!allowed.ends_with('*')) return allowed == name;
    allowed.remove_suffix(1);
    return name.starts_with(allowed);
  });
}

void put(std::vector<std::string>& environment, std::string_view entry) {
  const std::string_view name = name_of(entry);
  const auto same = std::find_if(environment.begin(), environment.end(),
                                 [name](const std::string& e) { return name_of(e) == name; });
  if (same != environment.end()) {
    *same = entry;
  } else {
    environment.emplace_back(entry);
  }
}

}  // namespace

std::span<const std::string_view> default_inherited_variables() {
  static constexpr std::array<std::string_view, 16> names{
      "PATH",    "HOME",  "USER",          "LOGNAME",         "SHELL",       "LANG",
      "LC_*",    "TZ",    "TMPDIR",        "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH",
      "PYENV_*", "XDG_*", "SSL_CERT_FILE", "SSL_CERT_DIR"};
  return names;
}

std::vector<std::string> make_environment(const char* const* host,
                                          std::span<const std::string_view> inherited,
                                          std::span<const std::string> added) {
  std::vector<std::string> environment;
  for (; host != nullptr && *host != nullptr; ++host) {
    if (is_named(inherited, name_of(*host))) put(environment, *host);
  }
  for (const std::string& entry : added) put(environment, entry);
  return environment;
}

const char* find_variable(std::span<const std::string> environment, std::string_view name) {
  const auto found = std::find_if(environment.rbegin(), environment.rend(),
                                  [name](const std::string& e) { return name_of(e) == name; });
  if (found == environment.rend() || found->size() == name.size()) return nullptr;
  return found->c_str() + name.size() + 1;
}

}  // namespace ordeal::pool::process

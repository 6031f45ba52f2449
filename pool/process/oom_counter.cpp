#include "pool/process/oom_counter.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::process {
namespace {

// /proc/vmstat is the longest of the files, some 5 KiB; /proc/self/cgroup has a line each
// hierarchy.
constexpr std::size_t file_bytes_max = 64 * 1024;

[[nodiscard]] std::optional<std::string> read_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> chunk{};
  while (text.size() < file_bytes_max) {
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

[[nodiscard]] bool has_counter(const std::string& path) {
  const std::optional<std::string> text = read_file(path);
  return text && parse_oom_kill(*text).has_value();
}

// In a container the path of /proc/self/cgroup may be the outer one, while what is mounted begins
// at the container's own: so the mount's root is tried too.
[[nodiscard]] std::string find_file() {
  const std::string cgroups = read_file("/proc/self/cgroup").value_or("");
  for (const bool version_1 : {false, true}) {
    const std::optional<std::string> file = oom_file_of_cgroup(cgroups, version_1);
    if (file && has_counter(*file)) return *file;
  }
  for (const char* file : {"/sys/fs/cgroup/memory.events",
                           "/sys/fs/cgroup/memory/memory.oom_control", "/proc/vmstat"}) {
    if (has_counter(file)) return file;
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> parse_oom_kill(std::string_view text) {
  constexpr std::string_view name = "oom_kill ";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(name)) {
      std::uint64_t value = 0;
      const char* const end = line.data() + line.size();
      const auto [stop, error] = std::from_chars(line.data() + name.size(), end, value);
      if (error != std::errc{} || stop != end) return std::nullopt;
      return value;
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return std::nullopt;
}

std::optional<std::string> oom_file_of_cgroup(std::string_view text, bool version_1) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    // hierarchy ":" controllers ":" path
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (!version_1 && line.starts_with("0::")) return "/sys/fs/cgroup" + path + "/memory.events";
    if (version_1 && controllers == "memory") {
      return "/sys/fs/cgroup/memory" + path + "/memory.oom_control";
    }
  }
  return std::nullopt;
}

OomCounter::OomCounter() : OomCounter(find_file()) {}

OomCounter::OomCounter(std::string file) : file_(std::move(file)), seen_(read().value_or(0)) {}

std::optional<std::uint64_t> OomCounter::read() const {
  if (file_.empty()) return std::nullopt;
  const std::optional<std::string> text = read_file(file_);
  return text ? parse_oom_kill(*text) : std::nullopt;
}

bool OomCounter::claim(Instant now) {
  if (now - left_over_since_ > leftover_life) left_over_ = 0;
  const std::uint64_t count = read().value_or(seen_);
  if (count > seen_) {
    left_over_ += count - seen_;
    left_over_since_ = now;
  }
  seen_ = count;
  if (left_over_ == 0) return false;
  --left_over_;
  return true;
}

}  // namespace ordeal::pool::process

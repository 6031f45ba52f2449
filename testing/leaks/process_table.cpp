#include "testing/leaks/process_table.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <sstream>

namespace ordeal::trial {
namespace {

constexpr std::size_t command_line_chars_max = 160;

// The numbers among the names in a folder of /proc.
std::vector<int> numbers_in(const char* folder) {
  std::vector<int> numbers;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry{folder, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename();
    int number = 0;
    const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && rest == name.data() + name.size()) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// The fields of a stat file; the name stands in brackets and may hold anything, brackets too.
struct Stat {
  std::string name;
  char state = '?';
  int parent = 0;
  std::uint64_t start_ticks = 0;
};

std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

template <typename Number>
bool take_number(std::string_view& text, Number& number) {
  const std::string_view word = take_word(text);
  return std::from_chars(word.data(), word.data() + word.size(), number).ec == std::errc{};
}

bool parse_stat(const std::string& text, Stat& stat) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return false;
  stat.name = text.substr(open + 1, close - open - 1);
  std::string_view rest = std::string_view{text}.substr(close + 1);
  const std::string_view state = take_word(rest);
  if (state.empty() || !take_number(rest, stat.parent)) return false;
  stat.state = state.front();
  constexpr int fields_between_parent_and_start = 17;
  for (int i = 0; i < fields_between_parent_and_start; ++i) (void)take_word(rest);
  return take_number(rest, stat.start_ticks);
}

std::string command_line_of(const std::string& folder) {
  std::string text = read_proc(folder + "/cmdline", 4096);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (text.size() > command_line_chars_max) text.replace(command_line_chars_max, text.npos, "...");
  return text;
}

bool has_marker(const std::string& folder, std::string_view marker) {
  if (marker.empty()) return false;
  const std::string environment = '\0' + read_proc(folder + "/environ", 1U << 20U) + '\0';
  return environment.find('\0' + std::string{marker} + '\0') != std::string::npos;
}

}  // namespace

std::string read_proc(const std::string& path, std::size_t bytes_max) {
  std::string text;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return text;
  char chunk[4096];
  while (text.size() < bytes_max) {
    const ssize_t count = read(descriptor, chunk, std::min(sizeof chunk, bytes_max - text.size()));
    if (count <= 0) break;
    text.append(chunk, static_cast<std::size_t>(count));
  }
  close(descriptor);
  return text;
}

std::string ProcessEntry::describe() const {
  std::ostringstream text;
  text << (is_zombie() ? "zombie " : "process ") << pid << " (" << state << ", child of " << parent
       << ") " << (command_line.empty() ? name : command_line);
  return text.str();
}

std::vector<ProcessEntry> processes_of(int root, std::string_view marker) {
  std::vector<ProcessEntry> all;
  for (const int pid : numbers_in("/proc")) {
    Stat stat;
    if (!parse_stat(read_proc("/proc/" + std::to_string(pid) + "/stat"), stat)) continue;
    all.push_back({.pid = pid,
                   .parent = stat.parent,
                   .state = stat.state,
                   .start_ticks = stat.start_ticks,
                   .name = stat.name,
                   .command_line = {}});
  }
  std::set<int> family{root};
  for (std::size_t known = 0; known != family.size();) {
    known = family.size();
    for (const ProcessEntry& entry : all) {
      if (family.contains(entry.parent)) family.insert(entry.pid);
    }
  }
  std::erase_if(all, [&](const ProcessEntry& entry) {
    if (entry.pid == root) return true;
    return !family.contains(entry.pid) && !has_marker("/proc/" + std::to_string(entry.pid), marker);
  });
  for (ProcessEntry& entry : all) {
    entry.command_line = command_line_of("/proc/" + std::to_string(entry.pid));
  }
  return all;
}

std::string ThreadEntry::describe() const { return "thread " + std::to_string(id) + " " + name; }

std::vector<ThreadEntry> threads_of_this_process() {
  std::vector<ThreadEntry> threads;
  for (const int id : numbers_in("/proc/self/task")) {
    Stat stat;
    if (!parse_stat(read_proc("/proc/self/task/" + std::to_string(id) + "/stat"), stat)) continue;
    if (stat.state == 'Z' || stat.state == 'X') continue;  // has ended
    threads.push_back({.id = id, .start_ticks = stat.start_ticks, .name = stat.name});
  }
  return threads;
}

}  // namespace ordeal::trial

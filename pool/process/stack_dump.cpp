#include "pool/process/stack_dump.hpp"

namespace ordeal::pool::process {
namespace {

bool begins_a_thread(std::string_view line) {
  return line.starts_with("Thread 0x") || line.starts_with("Current thread 0x");
}
bool is_frame(std::string_view line) {
  return line.starts_with("  File \"") || line == "  ..." || line.starts_with("  <");
}

}  // namespace

std::string find_stacks(std::string_view text, std::size_t bytes_max) {
  std::string stacks;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    // Other threads may write between the lines of a dump: what is no line of one is passed over.
    const bool begins = begins_a_thread(line);
    inside = inside || begins;
    if (!begins && !(inside && is_frame(line))) continue;
    if (stacks.size() + line.size() + 1 > bytes_max) break;
    stacks += line;
    stacks += '\n';
  }
  return stacks;
}

}  // namespace ordeal::pool::process

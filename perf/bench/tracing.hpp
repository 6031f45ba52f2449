// Watches one thread of a child process between marks that it sets, and counts what it does there.
//
// The thread sets a mark with mark(): a SIGSTOP to itself, which the tracer swallows. The first
// mark begins a section, the second ends it, and so on; what a section is counted by was agreed
// before. Linux only (ptrace); both x86-64 and ARM64.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ordeal/pool/error.hpp"

namespace ordeal::perf {

enum class Watch : std::uint8_t {
  system_calls,
  instructions,
};

struct Section {
  std::uint64_t count = 0;
  std::map<long, std::uint64_t> system_calls;        // by number
  std::map<std::uint64_t, std::uint64_t> addresses;  // of instructions, how often each
};

// Runs `body` in a fork of this process, traced, and counts one section for each of `watches`.
// `body` sets two marks for each. Its return value is the child's exit status; that other than 0 is
// an error, as is a machine that does not permit tracing (spawn_failed).
// REQUIRES: this process has one thread.
[[nodiscard]] pool::Result<std::vector<Section>> trace_fork(const std::vector<Watch>& watches,
                                                            const std::function<int()>& body);

// In the traced thread.
void mark();

// "epoll_wait", or "system call 291" for those that a call through a pool does not make.
[[nodiscard]] std::string name_of_system_call(long number);

}  // namespace ordeal::perf

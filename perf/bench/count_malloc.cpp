// Linked into a program, counts what each of its threads asks malloc for. The C library allows a
// program to bring its own malloc; this one counts and asks the C library's.
#include <cstddef>
#include <cstdint>

#include "perf/bench/call_counters.hpp"

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}

namespace {

// No constructor, so that the first use needs no memory itself.
thread_local std::uint64_t asked = 0;

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
  ++asked;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++asked;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  ++asked;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++asked;
  return __libc_memalign(alignment, size);
}
void free(void* memory) { __libc_free(memory); }

}  // extern "C"

namespace ordeal::perf {

std::uint64_t allocations_of_this_thread() { return asked; }
bool allocations_are_counted() { return true; }

}  // namespace ordeal::perf

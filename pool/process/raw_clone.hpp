// clone() onto another stack, as one piece of machine code.
//
// The C library's clone() would do, but ThreadSanitizer intercepts it and takes the child, which
// shares its tables, for a fork: from then on it refuses new threads in the host.
// Thread safety: any thread.
#pragma once

#include <sys/syscall.h>

namespace ordeal::pool::process {

// Makes a process that runs `function(argument)` on the stack that ends at `stack_top`.
// Returns its pid, or -errno. `pidfd` is filled in if `flags` has CLONE_PIDFD.
// REQUIRES: stack_top is aligned to 16 bytes; flags have CLONE_VM; `function` never returns.
[[nodiscard]] inline long raw_clone(unsigned long flags, void* stack_top, int* pidfd,
                                    int (*function)(void*) noexcept, void* argument) noexcept {
#if defined(__x86_64__)
  long result = SYS_clone;
  // In registers that the kernel keeps: what the child starts with is all it has.
  register void* r10 asm("r10") = nullptr;  // child_tid
  register void* r8 asm("r8") = nullptr;    // tls
  register auto r12 asm("r12") = function;
  register void* r13 asm("r13") = argument;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"  // the outermost frame, for debuggers
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(flags), "S"(stack_top), "d"(pidfd), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
      : "rcx", "r11", "memory", "cc");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = SYS_clone;
  register long x0 asm("x0") = static_cast<long>(flags);
  register void* x1 asm("x1") = stack_top;
  register int* x2 asm("x2") = pidfd;
  register void* x3 asm("x3") = nullptr;  // tls
  register void* x4 asm("x4") = nullptr;  // child_tid
  register auto x20 asm("x20") = function;
  register void* x21 asm("x21") = argument;
  asm volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, #0\n\t"
      "mov x0, x21\n\t"
      "blr x20\n\t"
      "brk #1\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x20), "r"(x21)
      : "memory", "cc");
  return x0;
#else
#error "pool/process/raw_clone.hpp: add this architecture's clone"
#endif
}

}  // namespace ordeal::pool::process

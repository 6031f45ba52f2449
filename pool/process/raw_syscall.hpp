// System calls without the C library: no errno, no cancellation point, no sanitizer's interceptor.
//
// Two places need that: the child between clone and exec, which shares its parent's memory
// (spawn_child.cpp), and the warden, which has no C library at all (warden_main.cpp).
//
// raw_syscall(number, arguments...) returns what the kernel returned: on failure -errno.
// Thread safety: any thread, also a signal handler.
#pragma once

#include <sys/syscall.h>

namespace ordeal::pool::process {

// Six arguments always: unused registers are ignored by the kernel.
[[nodiscard]] [[gnu::always_inline]] inline long raw_syscall_6(long number, long a, long b, long c,
                                                               long d, long e, long f) noexcept {
#if defined(__x86_64__)
  long result = 0;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc #0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return x0;
#else
#error "pool/process/raw_syscall.hpp: add this architecture's system call instruction"
#endif
}

template <typename T>
[[nodiscard]] [[gnu::always_inline]] inline long syscall_argument(T value) noexcept {
  if constexpr (__is_class(T) || __is_union(T)) {
    static_assert(sizeof(T) == 0, "a system call takes numbers and pointers");
  } else if constexpr (requires { static_cast<long>(value); }) {
    return static_cast<long>(value);
  } else {
    return reinterpret_cast<long>(value);
  }
}

template <typename... Arguments>
[[nodiscard]] [[gnu::always_inline]] inline long raw_syscall(long number,
                                                             Arguments... arguments) noexcept {
  static_assert(sizeof...(Arguments) <= 6);
  const long all[7] = {syscall_argument(arguments)..., 0};
  return raw_syscall_6(number, all[0], all[1], all[2], all[3], all[4], all[5]);
}

}  // namespace ordeal::pool::process

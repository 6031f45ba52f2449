// ORDEAL_ASSERT(condition, "sentence"): what must be true whatever a worker, the system or a user
// does. Stays on in release; a broken one prints the sentence and aborts. Never for what a child,
// the system or a user can cause: those are errors.
#pragma once

#include <cassert>

// __assert_fail is what the standard's assert() ends in; it is the only way out of the pure core
// that can name what is broken, since the core may not open or write any stream.
#define ORDEAL_ASSERT(condition, sentence) \
  (static_cast<bool>(condition)            \
       ? static_cast<void>(0)              \
       : __assert_fail(sentence, __FILE__, __LINE__, static_cast<const char*>(__func__)))

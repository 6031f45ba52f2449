// Which Python runs what is measured: workers, the raw pipes' and, where they have no environment
// of their own, the peers. One for all, so that nobody is measured with another's interpreter.
#pragma once

#include <string>

namespace ordeal::perf {

// $ORDEAL_PYTHON; else the one that was found when this was built, which is an interpreter and not
// a version manager's shim (scripts/cmake/real_python.cmake): a shim starts ten times as slowly,
// and may start another Python than the peers'. Else "python3".
[[nodiscard]] std::string worker_python();

}  // namespace ordeal::perf

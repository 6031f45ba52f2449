#include "perf/bench/python.hpp"

#include <unistd.h>

#include <cstdlib>

namespace ordeal::perf {

std::string worker_python() {
  if (const char* chosen = std::getenv("ORDEAL_PYTHON")) return chosen;
  // A binary that is kept for a baseline may outlive the interpreter that it was built with.
  return ::access(ORDEAL_BUILD_PYTHON, X_OK) == 0 ? ORDEAL_BUILD_PYTHON : "python3";
}

}  // namespace ordeal::perf

// What workers run: given to Pool::roll, to run something else from now on.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ordeal::pool {

struct WorkerProgram {
  // Program and arguments, as Options::command. Empty: as before; the roll then restarts them all.
  std::vector<std::string> command{};
  std::string working_directory{};  // empty: as before
  // Set for workers, on top of what Options::environment sets; wins over it. Not kept from the
  // program before.
  std::map<std::string, std::string> environment{};

  friend bool operator==(const WorkerProgram&, const WorkerProgram&) = default;
};

}  // namespace ordeal::pool

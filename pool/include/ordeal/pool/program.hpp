// What workers run: given to Pool::roll, to run something else from now on.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ordeal::pool {

// What a worker is told, and must answer with a success, before it serves: its settings. The
// arguments may hold a key, so they are in memory alone: in no event, log, status or store.
struct StartCall {
  std::string command;
  std::string arguments = "{}";  // JSON text, an object
  friend bool operator==(const StartCall&, const StartCall&) = default;
};

struct WorkerProgram {
  // Program and arguments, as Options::command. Empty: as before; the roll then restarts them all.
  std::vector<std::string> command{};
  std::string working_directory{};  // empty: as before
  // Set for workers, on top of what Options::environment sets; wins over it. Not kept from the
  // program before.
  std::map<std::string, std::string> environment{};
  std::optional<std::vector<StartCall>> start_calls{};  // in this order; empty: as before

  friend bool operator==(const WorkerProgram&, const WorkerProgram&) = default;
};

}  // namespace ordeal::pool

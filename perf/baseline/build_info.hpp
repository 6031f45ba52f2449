// What was built, from what, and how.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "perf/measurement/error.hpp"

namespace ordeal::perf {

class ObjectReader;

struct BuildInfo {
  std::string compiler;  // path
  std::string version;   // "GNU 12.2.0"
  std::string build_type;
  std::string flags;       // CMAKE_CXX_FLAGS
  std::string sanitizers;  // comma list, empty: none
  bool lto = false;

  bool operator==(const BuildInfo&) const = default;
};
[[nodiscard]] BuildInfo this_build();
[[nodiscard]] nlohmann::json to_json(const BuildInfo& build);
[[nodiscard]] BuildInfo read_build(ObjectReader& reader);  // calls end()

struct Commit {
  std::string hash;
  bool dirty = false;  // tracked files differ from it
};
// The checkout that this program was built from, or $ORDEAL_CHECKOUT.
[[nodiscard]] std::string checkout_of_this_build();
// Errors: program (git fails).
[[nodiscard]] Attempt<Commit> commit_of(const std::string& checkout);
// The full hash of what the name says. Errors: baseline (this repository has no such commit).
[[nodiscard]] Attempt<std::string> resolve_commit(const std::string& checkout,
                                                  const std::string& name);

}  // namespace ordeal::perf

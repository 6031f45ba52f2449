// Where samplers are kept, so that an old one can be run again beside a new one: a folder for each,
// named by the hash of its contents, with the binary and the workers' programs that go with it.
//
//   STORE/bundles/<sha256>/ordeal-perf, python_mock/..., perf/bench/slow_import_bridge.py
//   STORE/commits/<commit>    the hash of that commit's bundle
//   STORE/history/...         perf/baseline/history_file.hpp
#pragma once

#include <string>

#include "perf/baseline/build_info.hpp"
#include "perf/measurement/error.hpp"

namespace ordeal::perf {

class Store {
 public:
  explicit Store(std::string folder) : folder_(std::move(folder)) {}
  // $ORDEAL_PERF_STORE, or ~/.cache/ordeal/perf.
  [[nodiscard]] static std::string standard_folder();

  [[nodiscard]] const std::string& folder() const { return folder_; }
  // Keeps the binary and, of its checkout, the workers' programs. The bundle's hash. Errors: file,
  // program.
  [[nodiscard]] Attempt<std::string> keep(const std::string& binary, const std::string& checkout);
  // The bundle's folder. Errors: baseline (not there, or its contents are no longer what they
  // were).
  [[nodiscard]] Attempt<std::string> find(const std::string& hash) const;

  void note_commit(const std::string& commit, const std::string& hash) const;
  // Empty: not known.
  [[nodiscard]] std::string hash_of_commit(const std::string& commit) const;

 private:
  std::string folder_;
};

// Builds the commit's ordeal-perf in a git worktree of its own below the store, with these compiler
// settings, keeps it, and takes the worktree away. The bundle's hash. Errors: program, baseline
// (the commit is not in this repository, or has no ordeal-perf).
[[nodiscard]] Attempt<std::string> rebuild(Store& store, const std::string& checkout,
                                           const std::string& commit, const BuildInfo& build);

}  // namespace ordeal::perf

#include "perf/baseline/store.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "perf/baseline/program.hpp"
#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes build_time_max{40};
constexpr const char* binary_name = "ordeal-perf";
constexpr const char* slow_bridge = "perf/bench/slow_import_bridge.py";

Error file_error(const std::string& path, const std::string& what) {
  return {ErrorKind::file, path, what};
}

// sha256sum of each file, by its path below the folder, and of the list of them.
Attempt<std::string> hash_of_folder(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code failed;
  for (const auto& entry : fs::recursive_directory_iterator{folder, failed}) {
    // What Python makes when the bundle's workers run is no part of it.
    if (!entry.is_regular_file() || entry.path().extension() == ".pyc") continue;
    files.push_back(fs::relative(entry.path(), folder).string());
  }
  if (failed || files.empty()) return tl::unexpected(file_error(folder, "cannot be listed"));
  std::sort(files.begin(), files.end());
  std::vector<std::string> command{"sha256sum", "--binary", "--"};
  command.insert(command.end(), files.begin(), files.end());
  const auto sums = output_of({.command = command, .folder = folder});
  if (!sums) return sums;
  const std::string list = fmt::format("{}/.sums.{}", fs::temp_directory_path().string(), getpid());
  if (const auto written = write_text_file(list, *sums); !written) {
    return tl::unexpected(written.error());
  }
  const auto whole = output_of({.command = {"sha256sum", list}});
  fs::remove(list, failed);
  if (!whole) return whole;
  return whole->substr(0, 64);
}

Attempt<void> copy_bundle(const std::string& binary, const std::string& checkout,
                          const std::string& folder) {
  std::error_code failed;
  fs::create_directories(folder + "/perf/bench", failed);
  fs::copy_file(binary, folder + "/" + binary_name, fs::copy_options::overwrite_existing, failed);
  if (failed) return tl::unexpected(file_error(binary, "cannot be kept: " + failed.message()));
  // A foreign sampler has no workers of ours.
  if (fs::exists(checkout + "/" + slow_bridge)) {
    fs::copy_file(checkout + "/" + slow_bridge, folder + "/" + slow_bridge, failed);
  }
  for (const auto& entry : fs::recursive_directory_iterator{checkout + "/python_mock", failed}) {
    if (!entry.is_regular_file() || entry.path().extension() != ".py") continue;
    const fs::path target = fs::path{folder} / fs::relative(entry.path(), checkout);
    fs::create_directories(target.parent_path(), failed);
    fs::copy_file(entry.path(), target, failed);
    if (failed) {
      return tl::unexpected(
          file_error(entry.path().string(), "cannot be kept: " + failed.message()));
    }
  }
  return {};
}

void remove_worktree(const std::string& checkout, const std::string& folder) {
  (void)run_program({.command = {"git", "-c", "safe.directory=*", "-C", checkout, "worktree",
                                 "remove", "--force", folder}});
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  (void)run_program(
      {.command = {"git", "-c", "safe.directory=*", "-C", checkout, "worktree", "prune"}});
}

Attempt<void> build_in(const std::string& folder, const BuildInfo& build) {
  std::vector<std::string> configure{"cmake",
                                     "-S",
                                     folder,
                                     "-B",
                                     folder + "/build",
                                     "-G",
                                     "Ninja",
                                     "-DCMAKE_BUILD_TYPE=" + build.build_type,
                                     "-DCMAKE_CXX_COMPILER=" + build.compiler,
                                     "-DCMAKE_CXX_FLAGS=" + build.flags,
                                     "-DORDEAL_SANITIZE=" + build.sanitizers};
  if (build.lto) configure.emplace_back("-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON");
  const auto configured = output_of({.command = configure, .time_max = build_time_max});
  if (!configured) return tl::unexpected(configured.error());
  const auto built = output_of(
      {.command = {"ninja", "-C", folder + "/build", binary_name}, .time_max = build_time_max});
  if (!built) return tl::unexpected(built.error());
  return {};
}

}  // namespace

std::string Store::standard_folder() {
  if (const char* folder = std::getenv("ORDEAL_PERF_STORE")) return folder;
  const char* home = std::getenv("HOME");
  return std::string{home == nullptr ? "/tmp" : home} + "/.cache/ordeal/perf";
}

Attempt<std::string> Store::keep(const std::string& binary, const std::string& checkout) {
  const std::string draft = fmt::format("{}/bundles/.draft.{}", folder_, getpid());
  std::error_code failed;
  fs::remove_all(draft, failed);
  if (const auto copied = copy_bundle(binary, checkout, draft); !copied) {
    return tl::unexpected(copied.error());
  }
  auto hash = hash_of_folder(draft);
  if (!hash) return hash;
  const std::string target = folder_ + "/bundles/" + *hash;
  if (fs::exists(target)) {
    fs::remove_all(draft, failed);
    return hash;
  }
  fs::rename(draft, target, failed);
  if (failed) return tl::unexpected(file_error(target, "cannot be kept: " + failed.message()));
  return hash;
}

Attempt<std::string> Store::find(const std::string& hash) const {
  const std::string folder = folder_ + "/bundles/" + hash;
  if (hash.empty() || !fs::exists(folder + "/" + binary_name)) {
    return tl::unexpected(Error{ErrorKind::baseline, folder_, "does not keep a sampler " + hash});
  }
  const auto found = hash_of_folder(folder);
  if (!found) return found;
  if (*found != hash) {
    return tl::unexpected(Error{ErrorKind::baseline, folder, "was changed since it was kept"});
  }
  return folder;
}

void Store::note_commit(const std::string& commit, const std::string& hash) const {
  (void)write_text_file(folder_ + "/commits/" + commit, hash + "\n");
}

std::string Store::hash_of_commit(const std::string& commit) const {
  std::string hash;
  std::ifstream{folder_ + "/commits/" + commit} >> hash;
  return hash;
}

Attempt<std::string> rebuild(Store& store, const std::string& checkout, const std::string& commit,
                             const BuildInfo& build) {
  const std::string folder =
      fmt::format("{}/worktrees/{}.{}", store.folder(), commit.substr(0, 12), getpid());
  std::error_code ignored;
  fs::create_directories(fs::path{folder}.parent_path(), ignored);
  const auto added = output_of({.command = {"git", "-c", "safe.directory=*", "-C", checkout,
                                            "worktree", "add", "--detach", folder, commit}});
  if (!added) return tl::unexpected(added.error());
  auto result = [&]() -> Attempt<std::string> {
    if (!fs::exists(folder + "/perf/tools/ordeal_perf_main.cpp")) {
      return tl::unexpected(Error{ErrorKind::baseline, commit, "has no ordeal-perf to run"});
    }
    if (const auto built = build_in(folder, build); !built) return tl::unexpected(built.error());
    return store.keep(folder + "/build/bin/" + binary_name, folder);
  }();
  remove_worktree(checkout, folder);
  if (result) store.note_commit(commit, *result);
  return result;
}

}  // namespace ordeal::perf

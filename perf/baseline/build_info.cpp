#include "perf/baseline/build_info.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "perf/baseline/program.hpp"
#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

// CI may run as root in a clone of somebody else's.
Attempt<std::string> git(const std::string& checkout, std::vector<std::string> arguments) {
  std::vector<std::string> command{"git", "-c", "safe.directory=*", "-C", checkout};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto output = output_of({.command = command});
  if (!output) return output;
  return trimmed(*output);
}

}  // namespace

BuildInfo this_build() {
  return {.compiler = ORDEAL_CXX,
          .version = ORDEAL_CXX_VERSION,
          .build_type = ORDEAL_BUILD_TYPE,
          .flags = ORDEAL_CXX_FLAGS,
          .sanitizers = ORDEAL_SANITIZERS,
          .lto = ORDEAL_LTO != 0};
}

nlohmann::json to_json(const BuildInfo& build) {
  return {{"compiler", build.compiler},     {"version", build.version},
          {"build_type", build.build_type}, {"flags", build.flags},
          {"sanitizers", build.sanitizers}, {"lto", build.lto}};
}

BuildInfo read_build(ObjectReader& reader) {
  BuildInfo build{.compiler = reader.text("compiler"),
                  .version = reader.text("version"),
                  .build_type = reader.text("build_type"),
                  .flags = reader.text("flags"),
                  .sanitizers = reader.text("sanitizers"),
                  .lto = reader.boolean("lto")};
  reader.end();
  return build;
}

std::string checkout_of_this_build() {
  if (const char* folder = std::getenv("ORDEAL_CHECKOUT")) return folder;
  return ORDEAL_BUILT_FROM;
}

Attempt<Commit> commit_of(const std::string& checkout) {
  const auto hash = git(checkout, {"rev-parse", "HEAD"});
  if (!hash) return tl::unexpected(hash.error());
  const auto changes = git(checkout, {"status", "--porcelain", "--untracked-files=no"});
  if (!changes) return tl::unexpected(changes.error());
  return Commit{*hash, !changes->empty()};
}

Attempt<std::string> resolve_commit(const std::string& checkout, const std::string& name) {
  auto hash = git(checkout, {"rev-parse", "--verify", "--quiet", name + "^{commit}"});
  if (hash) return hash;
  return tl::unexpected(Error{ErrorKind::baseline, checkout,
                              fmt::format("has no commit {} (a shallow clone? git fetch "
                                          "--unshallow)",
                                          name)});
}

}  // namespace ordeal::perf

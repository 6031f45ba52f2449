#include "ordeal/pool/migration.hpp"

#include <utility>

#include <fmt/format.h>

#include "pool/migration/difference.hpp"
#include "pool/migration/engine.hpp"
#include "pool/migration/rollout.hpp"

namespace ordeal::pool {
namespace {

std::string broken_option(const MigrationOptions& options) {
  if (!(options.share >= 0 && options.share <= 1)) {
    return fmt::format("share {:g}: 0 to 1", options.share);
  }
  if (options.program.command.empty() && options.program.environment.empty() &&
      options.program.working_directory.empty()) {
    return "program: a command, an environment or a working directory that differs from the pool's";
  }
  if (options.roll_timeout.count() <= 0) {
    return fmt::format("roll_timeout {} ms: at least 1 ms", options.roll_timeout.count());
  }
  if (std::string broken = migration::broken_rule(options.compare); !broken.empty()) return broken;
  return options.rollout ? migration::broken_rule(*options.rollout) : std::string{};
}

// The old pool's options with the new version's program. Sessions stay with the old pool.
Options of_new_version(const Options& old, const MigrationOptions& chosen) {
  Options options = old;
  options.name = old.name.empty() ? "new-version" : old.name + "-new-version";
  if (!chosen.program.command.empty()) options.command = chosen.program.command;
  if (!chosen.program.working_directory.empty()) {
    options.working_directory = chosen.program.working_directory;
  }
  for (const auto& [name, value] : chosen.program.environment) options.environment[name] = value;
  if (chosen.size != 0) options.size = chosen.size;
  options.record_file.clear();
  return options;
}

}  // namespace

std::string_view to_string(MigrationState state) {
  switch (state) {
    case MigrationState::shadowing:
      return "shadowing";
    case MigrationState::rolling_out:
      return "rolling_out";
    case MigrationState::rolling:
      return "rolling";
    case MigrationState::done:
      return "done";
    case MigrationState::rolled_back:
      return "rolled_back";
  }
  return "unknown";
}

Result<Migration> Migration::start(Pool& old_pool, MigrationOptions options) {
  if (std::string broken = broken_option(options); !broken.empty()) {
    return tl::unexpected(make_error(ErrorCode::invalid_option, std::move(broken)));
  }
  auto new_pool = Pool::start(of_new_version(old_pool.options(), options));
  if (!new_pool) return tl::unexpected(std::move(new_pool.error()));
  return Migration(
      std::make_unique<migration::Engine>(old_pool, std::move(*new_pool), std::move(options)));
}

Migration::Migration(std::unique_ptr<migration::Engine> engine) : engine_(std::move(engine)) {}
Migration::Migration(Migration&&) noexcept = default;
Migration& Migration::operator=(Migration&&) noexcept = default;
Migration::~Migration() = default;

Result<Ticket> Migration::call_async(std::string_view command, JsonText arguments,
                                     const CallOptions& options, Pool::Callback callback) {
  return engine_->call_async(command, arguments, options, std::move(callback));
}

void Migration::stop() { engine_->stop(); }

MigrationReport Migration::report() const { return engine_->report(); }

}  // namespace ordeal::pool

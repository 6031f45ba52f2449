#include "pool/tools/run_options.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::tools {
namespace {

constexpr std::size_t config_bytes_max = 1 << 20;

tl::unexpected<Error> invalid(std::string message) {
  return tl::unexpected(make_error(ErrorCode::invalid_option, std::move(message)));
}

Result<Options> read_file(const std::string& path) {
  const auto refuse = [&](int error) {
    return invalid(fmt::format("{}: {}", path, std::generic_category().message(error)));
  };
  const process::FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  if (!file) return refuse(errno);
  std::string text;
  std::array<char, 64 * 1024> block;
  while (text.size() <= config_bytes_max) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count < 0 && errno != EINTR) return refuse(errno);
    if (count == 0) return options_from_toml(text, path);
    if (count > 0) text.append(block.data(), static_cast<std::size_t>(count));
  }
  return invalid(fmt::format("{}: more than {} bytes", path, config_bytes_max));
}

Result<void> apply_setting(Options& options, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) {
    return invalid(fmt::format("--set {}: write --set name=value", setting));
  }
  return set_option(options, setting.substr(0, equals), setting.substr(equals + 1))
      .map_error([](Error error) {
        error.message = "--set: " + error.message;
        return error;
      });
}

}  // namespace

Result<Options> pool_options(const RunArguments& arguments) {
  Options options;
  if (!arguments.config_file.empty()) {
    auto from_file = read_file(arguments.config_file);
    if (!from_file) return from_file;
    options = std::move(*from_file);
  }
  for (const std::string& setting : arguments.settings) {
    if (auto done = apply_setting(options, setting); !done) return tl::unexpected(done.error());
  }
  if (!arguments.workers.empty()) {
    auto done = set_option(options, "size", arguments.workers);
    if (!done) return invalid("--workers: " + done.error().message);
  }
  if (!arguments.record_file.empty()) options.record_file = arguments.record_file;
  if (!arguments.command.empty()) options.command = arguments.command;

  Options complete = options;
  if (options.command.empty()) {
    // A configuration may be looked at without the command that will follow.
    if (!arguments.print_config) {
      return invalid("which worker? give its command after --, as in: run -- python3 bridge.py");
    }
    complete.command = {"true"};
  }
  if (auto valid = validate(complete); !valid) return tl::unexpected(valid.error());
  return options;
}

Result<MigrationOptions> migration_options(const MigrationArguments& arguments) {
  MigrationOptions options = arguments.options;
  auto& command = options.program.command;
  if (arguments.to.starts_with('[')) {
    Options read;
    if (auto set = set_option(read, "command", arguments.to); !set) {
      return invalid("--to: " + set.error().message);
    }
    command = read.command;
  } else {
    std::istringstream words(arguments.to);
    command.assign(std::istream_iterator<std::string>(words), {});
  }
  if (command.empty()) return invalid("--to: the command of the new version is empty");
  return options;
}

Result<std::uint32_t> requests_in_flight_max(const RunArguments& arguments,
                                             const Options& options) {
  const std::uint32_t workers = (options.size + options.overflow) * options.slots_max;
  if (arguments.concurrency == 0) return std::min(2 * workers, options.queue_max);
  if (arguments.concurrency > options.queue_max) {
    return invalid(
        fmt::format("--concurrency {}: more than queue_max {}, so that requests could be "
                    "refused; add --set queue_max={}",
                    arguments.concurrency, options.queue_max, arguments.concurrency));
  }
  return arguments.concurrency;
}

}  // namespace ordeal::pool::tools

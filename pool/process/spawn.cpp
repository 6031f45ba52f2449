#include "pool/process/spawn.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "pool/process/environment.hpp"
#include "pool/process/launch.hpp"
#include "pool/process/program_path.hpp"
#include "pool/process/worker_pipes.hpp"

namespace ordeal::pool::process {
namespace {

[[nodiscard]] bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

// Empty: the request can be.
[[nodiscard]] std::string what_is_wrong(const SpawnRequest& request) {
  if (request.command.empty() || request.command.front().empty()) {
    return "the worker's command is empty: at least a program is needed";
  }
  for (const std::string& argument : request.command) {
    if (has_nul(argument)) return "the worker's command has a NUL byte";
  }
  for (const std::string& entry : request.environment) {
    const bool is_assignment = entry.find('=') != std::string::npos && entry.front() != '=';
    if (has_nul(entry) || !is_assignment) {
      return "the worker's environment has an entry that is not NAME=value";
    }
  }
  if (has_nul(request.working_directory)) return "the worker's directory has a NUL byte";
  if (request.inherited.size() > inherited_descriptors_max) {
    return fmt::format("{} inherited descriptors exceed inherited_descriptors_max {}",
                       request.inherited.size(), inherited_descriptors_max);
  }
  return {};
}

[[nodiscard]] std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[nodiscard]] Result<std::string> find_worker_program(const SpawnRequest& request) {
  constexpr const char* system_path = "/usr/local/bin:/usr/bin:/bin";
  const char* path = find_variable(request.environment, "PATH");
  int failed = ask(request.hook, SpawnStep::found_program);
  if (failed == 0) {
    const tl::expected<std::string, int> found =
        find_program(request.command.front(), path == nullptr ? system_path : path,
                     !request.working_directory.empty());
    if (found) return *found;
    failed = found.error();
  }
  return tl::unexpected(spawn_error(fmt::format("spawn of {}", request.command.front()),
                                    SpawnStep::found_program, failed));
}

// Fills in which descriptor goes where, and the variables that say so.
void plan_descriptors(const SpawnRequest& request, const AllPipes& pipes, ChildPlan& plan,
                      std::vector<std::string>& environment) {
  const auto add = [&plan](int descriptor) {
    plan.descriptors[plan.descriptor_count] = descriptor;
    return plan.descriptor_count++;
  };
  add(pipes.request.read_end.get());
  add(pipes.reply.write_end.get());
  add(pipes.error.write_end.get());
  std::vector<std::string> numbers;
  if (request.with_progress) {
    numbers.push_back(fmt::format("ORDEAL_PROGRESS_FD={}", add(pipes.progress.write_end.get())));
  }
  for (const InheritedDescriptor& inherited : request.inherited) {
    numbers.push_back(fmt::format("{}={}", inherited.variable, add(inherited.descriptor)));
  }
  environment = make_environment(nullptr, {}, request.environment);
  const auto says_number = [&numbers](const std::string& entry) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('=') + 1);
    return name == "ORDEAL_PROGRESS_FD=" ||
           std::any_of(numbers.begin(), numbers.end(),
                       [name](const std::string& n) { return n.starts_with(name); });
  };
  std::erase_if(environment, says_number);
  environment.insert(environment.end(), numbers.begin(), numbers.end());
}

}  // namespace

Result<WorkerProcess> spawn(const SpawnRequest& request) {
  if (std::string wrong = what_is_wrong(request); !wrong.empty()) {
    return tl::unexpected(make_error(ErrorCode::invalid_option, std::move(wrong)));
  }
  const Result<std::string> program = find_worker_program(request);
  if (!program) return tl::unexpected(program.error());
  Result<AllPipes> pipes = make_worker_pipes({.with_progress = request.with_progress,
                                              .bytes_min = request.pipe_bytes_min,
                                              .hook = request.hook});
  if (!pipes) return tl::unexpected(std::move(pipes.error()));

  ChildPlan plan;
  std::vector<std::string> environment;
  plan_descriptors(request, *pipes, plan, environment);
  const std::vector<char*> arguments = pointers_to(request.command);
  const std::vector<char*> variables = pointers_to(environment);
  plan.program = program->c_str();
  plan.arguments = arguments.data();
  plan.environment = variables.data();
  plan.directory = request.working_directory.empty() ? nullptr : request.working_directory.c_str();
  plan.lifeline = request.lifeline;
  plan.hook = request.hook;

  Result<Launched> launched = launch(plan, fmt::format("spawn of {}", *program));
  if (!launched) {
    Error error = std::move(launched.error());
    const bool file_is_there = ::access(program->c_str(), F_OK) == 0;
    if (plan.step == SpawnStep::executed && plan.error == ENOENT && file_is_there) {
      error.message += ": the file is there, so its interpreter is not";
    }
    if (plan.step == SpawnStep::changed_directory) {
      error.message += fmt::format(": {}", request.working_directory);
    }
    return tl::unexpected(std::move(error));
  }
  return WorkerProcess(launched->pid, std::move(launched->pidfd), pipes->take_host_ends(),
                       plan.inherited_peak_rss_kib);
}

}  // namespace ordeal::pool::process

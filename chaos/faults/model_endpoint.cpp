#include "chaos/faults/model_endpoint.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "pool/runtime/clock.hpp"

extern char** environ;

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;
using nlohmann::json;

constexpr std::chrono::seconds line_max{20};  // a start of Python on a busy machine
constexpr std::string_view greeting = "listening on ";

}  // namespace

tl::expected<std::shared_ptr<ModelEndpoint>, std::string> ModelEndpoint::start(
    const std::string& program) {
  const auto refuse = [&program](const std::string& why) {
    return tl::unexpected(fmt::format("{}: {}", program, why));
  };
  int orders[2];
  int answers[2];
  if (access(program.c_str(), R_OK) != 0) return refuse(std::strerror(errno));
  if (pipe2(orders, O_CLOEXEC) != 0) return refuse(std::strerror(errno));
  const pool::process::FileDescriptor its_orders{orders[0]};
  auto endpoint = std::make_shared<ModelEndpoint>();
  endpoint->to_it_.reset(orders[1]);
  if (pipe2(answers, O_CLOEXEC) != 0) return refuse(std::strerror(errno));
  const pool::process::FileDescriptor its_answers{answers[1]};
  endpoint->from_it_.reset(answers[0]);
  std::string python = "python3";
  std::string file = program;
  std::string flag = "--control";
  char* arguments[] = {python.data(), file.data(), flag.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, its_orders.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, its_answers.get(), STDOUT_FILENO);
  const int error =
      posix_spawnp(&endpoint->pid_, python.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    endpoint->pid_ = 0;
    return refuse(std::strerror(error));
  }
  const std::string line = endpoint->read_line();
  if (!line.starts_with(greeting)) return refuse("it does not say where it listens: " + line);
  endpoint->url_ = "http://" + line.substr(greeting.size());
  return endpoint;
}

ModelEndpoint::~ModelEndpoint() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string ModelEndpoint::read_line() {
  const auto until = pool::core::after(runtime::now(), line_max);
  while (true) {
    if (const std::size_t end = unread_.find('\n'); end != unread_.npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    pollfd there{.fd = from_it_.get(), .events = POLLIN, .revents = 0};
    runtime::poll_until({&there, 1}, until);
    if (there.revents == 0) return {};
    char part[4096];
    const ssize_t got = read(from_it_.get(), part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    unread_.append(part, static_cast<std::size_t>(got));
  }
}

json ModelEndpoint::order(const json& what) {
  const std::string line = what.dump() + "\n";
  if (write(to_it_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) return {};
  json answer = json::parse(read_line(), nullptr, false);
  if (!answer.is_object() || !answer.value("ok", false)) return {};
  return answer;
}

}  // namespace ordeal::chaos

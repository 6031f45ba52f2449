#include "pool/tools/status_command.hpp"

#include <cstdio>
#include <vector>

#include <fmt/format.h>

#include "pool/tools/ask_run.hpp"
#include "pool/tools/status_report.hpp"
#include "pool/tools/unix_socket.hpp"

namespace ordeal::pool::tools {
namespace {

void complain(const std::string& message) { fmt::print(stderr, "ordeal-pool: {}\n", message); }

ExitCode show(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return written && std::fflush(stdout) == 0 ? ExitCode::ok : ExitCode::input_output;
}

struct Answer {
  std::string path;
  std::string json;
};

ExitCode show_one(const Answer& answer, bool json) {
  if (json) return show(answer.json);
  const auto table = report_table(answer.json);
  if (table) return show(*table);
  complain(fmt::format("socket {}: {}", answer.path, table.error().message));
  return ExitCode::input_output;
}

ExitCode ask_one(const StatusArguments& arguments) {
  auto answer = ask_run(arguments.socket, ask_status, Patience::seconds);
  if (!answer) {
    complain(fmt::format("socket {}: {}", arguments.socket, answer.error().message));
    return answer.error().code == ErrorCode::worker_not_found ? ExitCode::not_started
                                                              : ExitCode::input_output;
  }
  return show_one({arguments.socket, std::move(*answer)}, arguments.json);
}

ExitCode ask_all(bool json) {
  std::vector<Answer> answers;
  for (const std::string& path : default_sockets()) {
    auto answer = ask_run(path, ask_status, Patience::seconds);
    if (!answer && answer.error().code == ErrorCode::worker_not_found) continue;  // was killed
    if (answer) {
      answers.push_back({path, std::move(*answer)});
    } else {
      complain(fmt::format("socket {}: {}", path, answer.error().message));
    }
  }
  if (answers.empty()) {
    complain(
        "no running pool of this user was found; --socket PATH asks one that listens elsewhere");
    return ExitCode::not_started;
  }
  if (answers.size() == 1) return show_one(answers.front(), json);
  std::string list;
  for (const Answer& answer : answers) {
    if (json) {
      list += answer.json;
    } else if (const auto line = report_headline(answer.json)) {
      list += fmt::format("{}  --socket {}\n", line->substr(0, line->size() - 1), answer.path);
    }
  }
  return show(list);
}

}  // namespace

ExitCode status_command(const StatusArguments& arguments) {
  return arguments.socket.empty() ? ask_all(arguments.json) : ask_one(arguments);
}

}  // namespace ordeal::pool::tools

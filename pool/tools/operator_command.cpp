#include "pool/tools/operator_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "pool/tools/ask_run.hpp"
#include "pool/tools/dump_report.hpp"

namespace ordeal::pool::tools {
namespace {

using Json = nlohmann::json;

ExitCode complain(const std::string& message, ExitCode code) {
  fmt::print(stderr, "ordeal-pool: {}\n", message);
  return code;
}

ExitCode show(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return written && std::fflush(stdout) == 0 ? ExitCode::ok : ExitCode::input_output;
}

std::string question_of(const OperatorArguments& arguments) {
  Json question{{"ask", arguments.ask}};
  if (arguments.worker != 0) question["worker"] = arguments.worker;
  if (arguments.ask == "resize") question["size"] = arguments.size;
  if (!arguments.command.empty()) question["command"] = arguments.command;
  return question.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

ExitCode show_answer(const OperatorArguments& arguments, const std::string& answer) {
  const Json json = Json::parse(answer, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    return complain("not the answer of a run", ExitCode::input_output);
  }
  if (json.contains("error")) {
    if (arguments.json)
      return show(answer) == ExitCode::ok ? ExitCode::requests_failed : ExitCode::input_output;
    const Json& error = json.at("error");
    return complain(fmt::format("{}: {}", error.value("code", ""), error.value("message", "")),
                    ExitCode::requests_failed);
  }
  if (arguments.json) return show(answer);
  if (arguments.ask == "dump") {
    const auto text = dump_text(answer);
    return text ? show(*text) : complain(text.error().message, ExitCode::input_output);
  }
  return show(json.value(arguments.ask == "why" ? "why" : "done", "") + "\n");
}

}  // namespace

ExitCode operator_command(const OperatorArguments& arguments) {
  std::string socket = arguments.socket;
  if (socket.empty()) {
    const auto running = running_sockets();
    if (running.empty()) {
      return complain(
          "no running pool of this user was found; --socket PATH asks one that listens elsewhere",
          ExitCode::not_started);
    }
    if (running.size() > 1) {
      return complain(fmt::format("{} pools of this user are running; say which: --socket {}",
                                  running.size(), running.front()),
                      ExitCode::usage);
    }
    socket = running.front();
  }
  const auto answer = ask_run(socket, question_of(arguments), Patience::endless);
  if (!answer) {
    return complain(fmt::format("socket {}: {}", socket, answer.error().message),
                    answer.error().code == ErrorCode::worker_not_found ? ExitCode::not_started
                                                                       : ExitCode::input_output);
  }
  return show_answer(arguments, *answer);
}

}  // namespace ordeal::pool::tools

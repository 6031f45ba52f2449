#include "pool/tools/operator_desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "pool/tools/dump_report.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::tools {
namespace {

using Json = nlohmann::json;

std::string as_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Whoever asks waits: an operation that has begun is worth waiting for, and Ctrl-C ends the asking.
constexpr std::chrono::hours operation_patience{24};

Result<Json> done(const Result<void>& result, Json said) {
  if (!result) return tl::unexpected(result.error());
  return said;
}

tl::unexpected<Error> wrong(std::string message) {
  return tl::unexpected(make_error(ErrorCode::invalid_arguments, std::move(message)));
}

Result<Json> answer_dump(const Json& question, Pool& pool, const RecentEvents& events) {
  const auto worker = question.value("worker", std::uint64_t{0});
  const Diagnosis diagnosis = pool.diagnose({.worker = worker});
  if (worker != 0 && diagnosis.workers.empty()) {
    return tl::unexpected(
        make_error(ErrorCode::worker_not_found, fmt::format("worker {}: there is none", worker)));
  }
  return dump_json(diagnosis, events.lines());
}

Result<Json> answer_roll(const Json& question, Pool& pool) {
  const Json command = question.value("command", Json::array());
  auto rolled = pool.roll({.command = command.get<std::vector<std::string>>()}, operation_patience);
  return done(rolled,
              Json{{"done", fmt::format("rolled to generation {}", pool.status().generation)}});
}

// May throw what nlohmann throws of a question that is none.
Result<Json> answer_json(const Json& question, Pool& pool, const RecentEvents& events) {
  const std::string ask = question.at("ask").get<std::string>();
  if (ask == "dump") return answer_dump(question, pool, events);
  if (ask == "why") return Json{{"why", explain(pool.diagnose())}};
  if (ask == "resize") {
    const auto size = question.at("size").get<std::uint32_t>();
    return done(pool.resize(size, operation_patience),
                Json{{"done", fmt::format("{} workers serve", size)}});
  }
  if (ask == "pause") return done(pool.pause(), Json{{"done", "paused: who comes waits"}});
  if (ask == "resume") return done(pool.resume(), Json{{"done", "resumed"}});
  if (ask == "drain") {
    const auto worker = question.value("worker", std::uint64_t{0});
    if (worker != 0) {
      return done(pool.drain_worker(worker, operation_patience),
                  Json{{"done", fmt::format("worker {} has left, replaced", worker)}});
    }
    return done(
        pool.drain(operation_patience),
        Json{{"done", "drained: nothing runs or waits, and nobody is let in until resume"}});
  }
  if (ask == "roll") return answer_roll(question, pool);
  return wrong(
      fmt::format("\"ask\": {} is unknown, allowed status, dump, why, resize, drain, "
                  "pause, resume, roll",
                  wire::excerpt(ask)));
}

}  // namespace

std::string operator_error(const Error& error) {
  return as_line({{"error", {{"code", to_string(error.code)}, {"message", error.message}}}});
}

std::string answer_operator(const std::string& question, Pool& pool, const RecentEvents& events) {
  try {
    const auto answer = answer_json(Json::parse(question), pool, events);
    return answer ? as_line(*answer) : operator_error(answer.error());
  } catch (const Json::exception& error) {
    return operator_error(
        make_error(ErrorCode::invalid_arguments, fmt::format("not a question: {}", error.what())));
  }
}

OperatorDesk::~OperatorDesk() { finish(); }

void OperatorDesk::ask(std::uint64_t client, std::string question, Pool& pool) {
  threads_.emplace_back(client, std::thread{[this, client, asked = std::move(question), &pool] {
                          Answered answered{client, answer_operator(asked, pool, events_)};
                          {
                            const std::lock_guard lock{mutex_};
                            answered_.push_back(std::move(answered));
                          }
                          bell_.ring();
                        }});
}

std::vector<OperatorDesk::Answered> OperatorDesk::take() {
  bell_.silence();
  std::vector<Answered> answered;
  {
    const std::lock_guard lock{mutex_};
    answered = std::exchange(answered_, {});
  }
  for (const Answered& one : answered) {
    const auto thread = std::find_if(threads_.begin(), threads_.end(),
                                     [&](const auto& t) { return t.first == one.client; });
    if (thread == threads_.end()) continue;
    thread->second.join();
    threads_.erase(thread);
  }
  return answered;
}

void OperatorDesk::finish() {
  for (auto& [client, thread] : threads_) thread.join();
  threads_.clear();
}

}  // namespace ordeal::pool::tools

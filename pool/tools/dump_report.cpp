#include "pool/tools/dump_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "pool/wire/json_text.hpp"

namespace ordeal::pool::tools {
namespace {

using Json = nlohmann::json;

double milliseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

// For a terminal: a line of the run's own, but for what workers and callers have named.
std::string printable(std::string text) {
  constexpr std::size_t bytes_max = 500;
  if (text.size() > bytes_max) text.resize(wire::valid_utf8_prefix(text.substr(0, bytes_max)));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

Json request_json(const RequestSight& request) {
  Json json{{"request", request.request},   {"state", request.state},
            {"command", request.command},   {"label", request.label},
            {"attempts", request.attempts}, {"age_ms", milliseconds(request.age)}};
  if (request.lease) json["lease"] = true;
  if (!request.place.empty()) json["place"] = request.place;
  if (request.worker != 0) json["worker"] = request.worker;
  if (!request.session.empty()) json["session"] = request.session;
  if (!request.breaker.empty()) json["breaker"] = request.breaker;
  if (request.state == "running") json["in_worker_ms"] = milliseconds(request.in_worker);
  if (request.deadline_in) json["deadline_in_ms"] = milliseconds(*request.deadline_in);
  return json;
}

Json worker_json(const WorkerSight& worker) {
  Json json{{"worker", worker.worker},
            {"pid", worker.pid},
            {"state", worker.state},
            {"in_state_ms", milliseconds(worker.in_state)},
            {"process", to_string(worker.process)}};
  if (!worker.stuck.empty()) json["stuck"] = worker.stuck;
  if (!worker.waits_in.empty()) json["waits_in"] = worker.waits_in;
  if (worker.request) json["request"] = request_json(*worker.request);
  if (!worker.stacks.empty()) json["stacks"] = worker.stacks;
  if (!worker.no_stacks.empty()) json["no_stacks"] = worker.no_stacks;
  if (!worker.last_progress.empty()) json["last_progress"] = worker.last_progress;
  return json;
}

Json death_json(const DeathCertificate& death) {
  Json json{{"worker", death.worker},
            {"recycled", !death.retired_for.empty()},
            {"summary", death.summary()},
            {"age_ms", death.age_ms},
            {"out_of_memory", to_string(death.out_of_memory)}};
  if (!death.stack_dump.empty()) json["stack_dump"] = death.stack_dump;
  return json;
}

std::string indented(std::string stacks) {
  std::string text;
  while (!stacks.empty()) {
    const std::size_t end = std::min(stacks.find('\n'), stacks.size() - 1) + 1;
    text += "    " + printable(stacks.substr(0, end - 1)) + "\n";
    stacks.erase(0, end);
  }
  return text;
}

// Who was recycled and who crashed is told apart at a glance.
std::string death_text(const Json& death) {
  return fmt::format("  {} worker {}: {}\n", death.at("recycled").get<bool>() ? "recycled" : "lost",
                     death.at("worker").get<std::uint64_t>(),
                     printable(death.at("summary").get<std::string>())) +
         indented(death.value("stack_dump", ""));
}

std::string seconds(const Json& json, const char* name) {
  return fmt::format("{:.3f} s", json.at(name).get<double>() / 1e3);
}

std::string request_line(const Json& request) {
  std::string line = fmt::format("request {} {} ({})", request.at("request").get<std::uint64_t>(),
                                 request.at("state").get<std::string>(),
                                 wire::excerpt(request.at("command").get<std::string>()));
  if (const std::string label = request.at("label"); !label.empty()) {
    line += fmt::format(" [{}]", wire::excerpt(label));
  }
  line += ", age " + seconds(request, "age_ms");
  if (request.contains("place")) {
    line += ", a lease taken at " + wire::excerpt(request.at("place").get<std::string>());
  }
  if (request.contains("in_worker_ms"))
    line += ", in worker for " + seconds(request, "in_worker_ms");
  if (request.contains("deadline_in_ms"))
    line += ", deadline in " + seconds(request, "deadline_in_ms");
  if (request.contains("session")) {
    line += ", session " + wire::excerpt(request.at("session").get<std::string>());
  }
  if (request.contains("breaker")) {
    line += ", breaker " + wire::excerpt(request.at("breaker").get<std::string>());
  }
  if (request.at("state") == "queued" && request.contains("worker")) {
    line += fmt::format(", for worker {} alone", request.at("worker").get<std::uint64_t>());
  }
  return line + "\n";
}

std::string worker_text(const Json& worker) {
  std::string text = fmt::format(
      "worker {}  pid {}  {} for {}; process {}{}\n", worker.at("worker").get<std::uint64_t>(),
      worker.at("pid").get<int>(), worker.at("state").get<std::string>(),
      seconds(worker, "in_state_ms"), worker.at("process").get<std::string>(),
      worker.contains("waits_in") ? " in " + worker.at("waits_in").get<std::string>() : "");
  if (worker.contains("stuck")) {
    text += "  is stuck: " + worker.at("stuck").get<std::string>() + "\n";
  }
  if (worker.contains("request")) text += "  has " + request_line(worker.at("request"));
  if (worker.contains("last_progress")) {
    text +=
        "  last reported " + wire::excerpt(worker.at("last_progress").get<std::string>()) + "\n";
  }
  if (worker.contains("no_stacks")) {
    text += "  no stacks: " + worker.at("no_stacks").get<std::string>() + "\n";
  }
  return text + indented(worker.value("stacks", ""));
}

std::string text_of(const Json& dump) {
  std::string text = dump.at("why").get<std::string>() + "\n\nworkers\n";
  for (const Json& worker : dump.at("workers")) text += worker_text(worker);
  for (const char* list : {"queue", "pausing"}) {
    text += fmt::format("\n{}: {}\n", list, dump.at(list).size());
    for (const Json& request : dump.at(list)) text += "  " + request_line(request);
  }
  text += "\nbreakers\n";
  for (const Json& breaker : dump.at("breakers")) {
    text += fmt::format(
        "  {}: {}, {} failures, {} refused\n", wire::excerpt(breaker.at("key").get<std::string>()),
        breaker.at("state").get<std::string>(), breaker.at("failures").get<std::uint64_t>(),
        breaker.at("rejected").get<std::uint64_t>());
  }
  text += "\ntimers due\n";
  for (const Json& timer : dump.at("timers")) {
    text +=
        fmt::format("  {} in {}", timer.at("timer").get<std::string>(), seconds(timer, "in_ms"));
    if (timer.contains("request")) text += fmt::format(", request {}", timer.at("request").dump());
    if (timer.contains("worker")) text += fmt::format(", worker {}", timer.at("worker").dump());
    text += "\n";
  }
  text += fmt::format("\nlast {} deaths\n", dump.at("deaths").size());
  for (const Json& death : dump.at("deaths")) text += death_text(death);
  text += fmt::format("\nlast {} events\n", dump.at("events").size());
  for (const Json& event : dump.at("events")) {
    text += "  " + printable(event.get<std::string>()) + "\n";
  }
  return text;
}

}  // namespace

Json dump_json(const Diagnosis& d, const std::vector<std::string>& events) {
  Json json{{"why", explain(d)},       {"workers", Json::array()},
            {"queue", Json::array()},  {"pausing", Json::array()},
            {"timers", Json::array()}, {"breakers", Json::array()},
            {"deaths", Json::array()}, {"start_failures", d.start_failures},
            {"events", events}};
  for (const DeathCertificate& death : d.deaths) json["deaths"].push_back(death_json(death));
  for (const WorkerSight& worker : d.workers) json["workers"].push_back(worker_json(worker));
  for (const RequestSight& request : d.queue) json["queue"].push_back(request_json(request));
  for (const RequestSight& request : d.pausing) json["pausing"].push_back(request_json(request));
  for (const TimerSight& timer : d.timers) {
    Json one{{"timer", timer.timer}, {"in_ms", milliseconds(timer.in)}};
    if (timer.request != 0) one["request"] = timer.request;
    if (timer.worker != 0) one["worker"] = timer.worker;
    json["timers"].push_back(std::move(one));
  }
  for (const BreakerStatus& breaker : d.status.breakers) {
    json["breakers"].push_back({{"key", breaker.key},
                                {"state", to_string(breaker.state)},
                                {"failures", breaker.failures},
                                {"rejected", breaker.rejected}});
  }
  if (!d.last_start_failure.empty()) json["last_start_failure"] = d.last_start_failure;
  if (d.next_start_in) json["next_start_in_ms"] = milliseconds(*d.next_start_in);
  return json;
}

Result<std::string> dump_text(std::string_view json) {
  try {
    return text_of(Json::parse(json));
  } catch (const Json::exception& error) {
    return tl::unexpected(make_error(ErrorCode::invalid_arguments,
                                     fmt::format("not the answer of a run: {}", error.what())));
  }
}

}  // namespace ordeal::pool::tools

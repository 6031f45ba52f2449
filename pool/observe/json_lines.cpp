// Events as JSON lines.
#include <utility>

#include <nlohmann/json.hpp>

#include "ordeal/pool/observe.hpp"
#include "pool/observe/line_file.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool {
namespace {

using std::chrono::system_clock;

// Cut at a character, so that the line stays UTF-8.
std::string bounded(const std::string& text) {
  if (text.size() <= observe_text_bytes_max) return text;
  const std::string head = text.substr(0, observe_text_bytes_max - 3);
  return head.substr(0, wire::valid_utf8_prefix(head)) + "...";
}

}  // namespace

std::string to_json_line(const PoolEvent& event, system_clock::time_point time) {
  nlohmann::ordered_json line;
  line["time"] = observe::utc(time);
  line["at_ns"] = std::chrono::nanoseconds{event.at.time_since_epoch()}.count();
  line["event"] = event.what;
  if (event.request != 0) line["request"] = event.request;
  if (event.worker != 0) line["worker"] = event.worker;
  if (event.what == "request_resolved") {
    if (!event.command.empty()) line["command"] = event.command;
    line["outcome"] =
        event.code == ErrorCode::none ? "ok" : to_string(certainty_of(event.code, event.maybe_ran));
  }
  if (event.code != ErrorCode::none) {
    line["code"] = to_string(event.code);
    line["severity"] = to_string(traits(event.code).severity);
  }
  if (!event.from.empty()) line["from"] = event.from;
  if (!event.to.empty()) line["to"] = event.to;
  if (!event.reason.empty()) line["reason"] = event.reason;
  if (event.count != 0) line["count"] = event.count;
  if (event.duration.count() != 0) line["duration_ns"] = event.duration.count();
  if (!event.breaker.empty()) line["breaker"] = bounded(event.breaker);
  if (!event.place.empty()) line["place"] = bounded(event.place);
  if (!event.label.empty()) line["label"] = bounded(event.label);
  if (!event.traceparent.empty()) line["traceparent"] = bounded(event.traceparent);
  if (!event.arguments.empty()) line["arguments"] = bounded(event.arguments);
  if (!event.answer.empty()) line["answer"] = bounded(event.answer);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<Sink> json_lines_sink(const std::string& path) {
  auto file = observe::LineFile::open("events file", path);
  if (!file) return tl::unexpected(std::move(file.error()));
  auto lines = std::make_shared<observe::LineFile>(std::move(*file));
  return Sink{[lines](const PoolEvent& event) {
    lines->append(to_json_line(event, observe::wall_time(event.at)));
  }};
}

}  // namespace ordeal::pool

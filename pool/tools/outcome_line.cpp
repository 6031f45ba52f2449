#include "pool/tools/outcome_line.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pool/wire/json_scan.hpp"

namespace ordeal::pool::tools {
namespace {

using Json = nlohmann::ordered_json;

double milliseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

Json certificate_json(const DeathCertificate& certificate) {
  Json json;
  json["summary"] = certificate.summary();
  json["pid"] = certificate.pid;
  if (certificate.exit_code) json["exit_code"] = *certificate.exit_code;
  if (certificate.term_signal) json["signal"] = *certificate.term_signal;
  if (certificate.killed_by_pool) json["kill_reason"] = certificate.kill_reason;
  if (certificate.out_of_memory != OutOfMemory::no) {
    json["out_of_memory"] = to_string(certificate.out_of_memory);
  }
  if (!certificate.retired_for.empty()) json["recycled_for"] = certificate.retired_for;
  if (certificate.peak_rss_kib >= 0) json["peak_rss_kib"] = certificate.peak_rss_kib;
  if (!certificate.stderr_tail.empty()) json["stderr_tail"] = certificate.stderr_tail;
  if (!certificate.stack_dump.empty()) json["stack_dump"] = certificate.stack_dump;
  return json;
}

Json application_json(const ApplicationError& application) {
  Json json;
  if (!application.type.empty()) json["type"] = application.type;
  json["message"] = application.message;
  if (!application.traceback.empty()) json["traceback"] = application.traceback;
  return json;
}

std::string error_text(const Error& error) {
  Json json;
  json["code"] = to_string(error.code);
  json["category"] = to_string(error.category());
  json["certainty"] = to_string(error.certainty());
  json["severity"] = to_string(error.severity());
  json["message"] = error.message;
  json["retryable"] = error.retryable();
  if (error.worker) json["worker"] = *error.worker;
  if (!error.label.empty()) json["label"] = error.label;
  if (!error.traceparent.empty()) json["traceparent"] = error.traceparent;
  if (!error.excerpt.empty()) json["excerpt"] = error.excerpt;
  if (error.application) json["application"] = application_json(*error.application);
  if (error.certificate) json["certificate"] = certificate_json(*error.certificate);
  // Workers' words need not be UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// JSON has no line breaks inside strings, so each stands between tokens.
void put_on_one_line(std::string& json) {
  std::replace_if(
      json.begin(), json.end(), [](char letter) { return letter == '\n' || letter == '\r'; }, ' ');
}

// The search is cheap, the scan is exact: the words may stand in a string.
bool holds_constants(std::string_view json) {
  if (json.find("NaN") == std::string_view::npos &&
      json.find("Infinity") == std::string_view::npos) {
    return false;
  }
  return wire::scan_json(json, wire::Constants::refused, nullptr, nullptr).has_value();
}

Error unrepresentable(const Reply& reply) {
  Error error = make_error(ErrorCode::unrepresentable_value,
                           "the result holds NaN or Infinity, which JSON does not know");
  error.worker = reply.worker;
  error.attempts = reply.attempts;
  return error;
}

}  // namespace

OutcomeLine make_outcome_line(std::uint64_t line, std::string_view id, Result<Reply> result) {
  if (result && holds_constants(result->result_text)) {
    result = tl::unexpected(unrepresentable(*result));
  }
  OutcomeLine made;
  made.text = fmt::format("{{\"line\":{}", line);
  if (!id.empty()) made.text += fmt::format(",\"id\":{}", id);
  if (result) {
    put_on_one_line(result->result_text);
    made.text += ",\"outcome\":\"ok\",\"result\":";
    made.text += result->result_text;
    made.text +=
        fmt::format(",\"worker\":{},\"attempts\":{},\"queued_ms\":{:.3f},\"service_ms\":{:.3f}}}\n",
                    result->worker, result->attempts, milliseconds(result->queued),
                    milliseconds(result->service));
    return made;
  }
  const Error& error = result.error();
  made.outcome = error.certainty() == Certainty::failed ? Outcome::failed : Outcome::indeterminate;
  made.text += fmt::format(",\"outcome\":\"{}\",\"error\":{}", to_string(error.certainty()),
                           error_text(error));
  if (error.worker) made.text += fmt::format(",\"worker\":{}", *error.worker);
  made.text += fmt::format(",\"attempts\":{}}}\n", error.attempts);
  return made;
}

}  // namespace ordeal::pool::tools

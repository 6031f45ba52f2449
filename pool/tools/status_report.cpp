#include "pool/tools/status_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pool/wire/json_text.hpp"

namespace ordeal::pool::tools {
namespace {

using Json = nlohmann::ordered_json;

double milliseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

Json worker_json(const WorkerStatus& worker) {
  Json json{{"worker", worker.worker},
            {"pid", worker.pid},
            {"state", worker.state},
            {"health", worker.health},
            {"stuck", worker.stuck},
            {"ejected_for_ms", milliseconds(worker.ejected_for)},
            {"failures", worker.failures},
            {"in_state_ms", milliseconds(worker.in_state)},
            {"age_ms", milliseconds(worker.age)},
            {"served", worker.served},
            {"bindings", worker.bindings},
            {"generation", worker.generation},
            {"leaves_for", worker.leaves_for},
            {"withdrawn", worker.withdrawn},
            {"transitions_total", worker.transitions_total}};
  if (worker.rss_kib >= 0) json["rss_kib"] = worker.rss_kib;
  if (!worker.last_progress.empty()) json["last_progress"] = worker.last_progress;
  return json;
}

Json breaker_json(const BreakerStatus& breaker) {
  Json json{{"key", breaker.key},
            {"state", to_string(breaker.state)},
            {"failures", breaker.failures},
            {"successes", breaker.successes},
            {"trials", breaker.trials},
            {"calls", breaker.calls},
            {"slow", breaker.slow},
            {"transitions", breaker.transitions},
            {"opened", breaker.opened},
            {"rejected", breaker.rejected},
            {"stale_results", breaker.stale_results},
            {"would_have_opened", breaker.would_have_opened}};
  if (breaker.state == CircuitState::open)
    json["retry_after_ms"] = milliseconds(breaker.retry_after);
  return json;
}

Json pool_json(const Status& status) {
  return {{"size", status.size},
          {"overflow", status.overflow},
          {"starting", status.starting},
          {"idle", status.idle},
          {"busy", status.busy},
          {"degraded", status.degraded},
          {"terminating", status.terminating},
          {"queue_depth", status.queue_depth},
          {"queue_max", status.queue_max},
          {"running", status.running},
          {"admission", status.admission},
          {"generation", status.generation},
          {"rolling_to", status.rolling_to},
          {"roll_failed", status.roll_failed},
          {"stopping", status.stopping},
          {"start_circuit_open", status.start_circuit_open},
          {"submitted", status.submitted},
          {"ok", status.ok},
          {"failed", status.failed},
          {"timed_out", status.timed_out},
          {"rejected", status.rejected},
          {"shed", status.shed},
          {"cancelled", status.cancelled},
          {"backing_off", status.backing_off},
          {"requeued", status.requeued},
          {"retries", status.retries},
          {"spawns", status.spawns},
          {"start_failures", status.start_failures},
          {"workers_lost", status.workers_lost},
          {"workers_recycled", status.workers_recycled},
          {"leases_overdue", status.leases_overdue},
          {"late_replies_drained", status.late_replies_drained},
          {"probes", status.probes},
          {"probe_failures", status.probe_failures},
          {"workers_recovered", status.workers_recovered},
          {"spin",
           {{"calls", status.spin.calls},
            {"in_vain", status.spin.in_vain},
            {"reads_wasted", status.spin.reads_wasted},
            {"yields", status.spin.yields}}},
          {"workers_stuck", status.workers_stuck},
          {"ejections", status.ejections},
          {"ejected", status.ejected},
          {"limit", status.limit},
          {"events_dropped", status.events_dropped},
          {"sink_failures", status.sink_failures},
          {"calls_unguarded", status.calls_unguarded},
          {"warden_restarts", status.warden_restarts},
          {"warden_pid", status.warden_pid},
          {"affinity",
           {{"bindings", status.affinity.bindings},
            {"hits", status.affinity.hits},
            {"misses", status.affinity.misses},
            {"rebinds", status.affinity.rebinds},
            {"waits_over", status.affinity.waits_over},
            {"expired", status.affinity.expired},
            {"evicted", status.affinity.evicted},
            {"lost", status.affinity.lost}}}};
}

std::string command_line(const Json& command) {
  std::string line;
  for (const Json& word : command) {
    line += (line.empty() ? "" : " ") + wire::excerpt(word.get<std::string>());
  }
  return line;
}

// Durations as people read them; the JSON has them exactly.
std::string duration(const Json& milliseconds) {
  const double seconds = milliseconds.get<double>() / 1e3;
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  if (seconds < 3600) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string headline(const Json& report) {
  const Json& run = report.at("run");
  return fmt::format("pid {}  {}  {} for {}  {}\n", report.at("pid").get<int>(),
                     wire::excerpt(report.at("name").get<std::string>()),
                     report.at("stage").get<std::string>(), duration(run.at("elapsed_ms")),
                     command_line(report.at("command")));
}

std::string worker_row(const Json& worker) {
  const std::int64_t rss_kib = worker.value("rss_kib", std::int64_t{-1});
  return fmt::format("{:>7}  {:>8}  {:<12}  {:<9}  {:>9}  {:>9}  {:>8}  {:>8}  {}\n",
                     worker.at("worker").get<std::uint64_t>(), worker.at("pid").get<int>(),
                     worker.at("state").get<std::string>(), worker.at("health").get<std::string>(),
                     duration(worker.at("in_state_ms")), duration(worker.at("age_ms")),
                     worker.at("served").get<std::uint64_t>(),
                     rss_kib < 0 ? "?" : fmt::format("{:.1f}", static_cast<double>(rss_kib) / 1024),
                     wire::excerpt(worker.value("last_progress", "")));
}

// Closed ones that have not failed are no news.
std::string breaker_line(const Json& breaker) {
  const auto state = breaker.at("state").get<std::string>();
  const auto failures = breaker.at("failures").get<std::uint64_t>();
  const auto rejected = breaker.at("rejected").get<std::uint64_t>();
  if (state == "closed" && failures == 0 && rejected == 0) return {};
  std::string line = fmt::format("breaker   {}: {}, {} failures, opened {} times, {} refused",
                                 wire::excerpt(breaker.at("key").get<std::string>()), state,
                                 failures, breaker.at("opened").get<std::uint64_t>(), rejected);
  if (breaker.contains("retry_after_ms")) {
    line += ", trials in " + duration(breaker.at("retry_after_ms"));
  }
  return line + "\n";
}

std::string table(const Json& report) {
  const Json& run = report.at("run");
  const Json& pool = report.at("pool");
  const auto number = [](const Json& from, const char* name) {
    return from.at(name).get<std::uint64_t>();
  };
  std::string text = headline(report);
  text += fmt::format(
      "requests  {} read: {} ok, {} failed, {} indeterminate, {} in flight; {:.1f}/s\n",
      number(run, "read"), number(run, "ok"), number(run, "failed"), number(run, "indeterminate"),
      number(run, "in_flight"), run.at("per_second").get<double>());
  text += fmt::format(
      "workers   {} (+ {} overflow): {} idle, {} busy, {} starting, {} degraded, {} terminating\n",
      number(pool, "size"), number(pool, "overflow"), number(pool, "idle"), number(pool, "busy"),
      number(pool, "starting"), number(pool, "degraded"), number(pool, "terminating"));
  text += fmt::format("so far    {} spawned, {} recycled, {} lost, {} starts failed{}\n",
                      number(pool, "spawns"), number(pool, "workers_recycled"),
                      number(pool, "workers_lost"), number(pool, "start_failures"),
                      pool.at("start_circuit_open").get<bool>() ? "; starts keep failing" : "");
  text +=
      fmt::format("queue     {} of {}\n", number(pool, "queue_depth"), number(pool, "queue_max"));
  const Json& affinity = pool.at("affinity");
  if (number(affinity, "hits") + number(affinity, "misses") > 0) {
    text += fmt::format("sessions  {} bound; {} hits, {} misses, {} rebound, {} expired, {} lost\n",
                        number(affinity, "bindings"), number(affinity, "hits"),
                        number(affinity, "misses"), number(affinity, "rebinds"),
                        number(affinity, "expired"), number(affinity, "lost"));
  }
  for (const Json& breaker : report.at("breakers")) text += breaker_line(breaker);
  if (report.at("workers").empty()) return text;
  text += fmt::format("\n{:>7}  {:>8}  {:<12}  {:<9}  {:>9}  {:>9}  {:>8}  {:>8}  {}\n", "worker",
                      "pid", "state", "health", "for", "age", "served", "rss MiB", "progress");
  for (const Json& worker : report.at("workers")) text += worker_row(worker);
  return text;
}

// Whatever answers at a socket need not be a run.
template <typename Make>
Result<std::string> from_report(std::string_view json, Make make) {
  try {
    return make(Json::parse(json));
  } catch (const Json::exception& error) {
    return tl::unexpected(make_error(ErrorCode::invalid_arguments,
                                     fmt::format("not the answer of a run: {}", error.what())));
  }
}

}  // namespace

std::string report_json(const RunReport& run, const Options& options, const Status& status) {
  Json report{
      {"pid", run.pid}, {"name", options.name}, {"stage", run.stage}, {"command", options.command}};
  report["run"] = {{"read", run.counts.lines},
                   {"ok", run.counts.ok},
                   {"failed", run.counts.failed},
                   {"indeterminate", run.counts.indeterminate},
                   {"in_flight", run.counts.in_flight()},
                   {"elapsed_ms", milliseconds(run.elapsed)},
                   {"latency_ms",
                    {{"p50", milliseconds(run.latency_p50)},
                     {"p90", milliseconds(run.latency_p90)},
                     {"p99", milliseconds(run.latency_p99)}}},
                   {"per_second", per_second(run.counts.done(), run.elapsed)}};
  report["pool"] = pool_json(status);
  report["breakers"] = Json::array();
  for (const BreakerStatus& breaker : status.breakers) {
    report["breakers"].push_back(breaker_json(breaker));
  }
  report["workers"] = Json::array();
  for (const WorkerStatus& worker : status.workers) {
    report["workers"].push_back(worker_json(worker));
  }
  return report.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::string> report_table(std::string_view json) { return from_report(json, table); }

Result<std::string> report_headline(std::string_view json) { return from_report(json, headline); }

}  // namespace ordeal::pool::tools

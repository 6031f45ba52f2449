// Events as log lines.
#include "pool/observe/log_line.hpp"

#include <utility>

#include <fmt/format.h>
#include <spdlog/logger.h>

#include "ordeal/pool/observe.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool {
namespace observe {
namespace {

using Level = spdlog::level::level_enum;

Level level_of(Severity severity) {
  switch (severity) {
    case Severity::warning:
    case Severity::minor:
      return Level::warn;
    case Severity::major:
      return Level::err;
    case Severity::critical:
      return Level::critical;
  }
  return Level::err;
}

std::string milliseconds(std::chrono::nanoseconds duration) {
  return fmt::format("{:.3f} ms", static_cast<double>(duration.count()) / 1e6);
}

std::string resolved(const PoolEvent& event) {
  std::string line = fmt::format("request {} ", event.request);
  if (!event.command.empty()) line += fmt::format("({}) ", wire::excerpt(event.command));
  if (event.code == ErrorCode::none) {
    line += "ok";
  } else {
    line += fmt::format("{} ({})", to_string(event.code),
                        to_string(certainty_of(event.code, event.maybe_ran)));
  }
  if (event.worker != 0) line += fmt::format(" on worker {}", event.worker);
  return line + " after " + milliseconds(event.duration);
}

std::string recovery(const PoolEvent& event) {
  std::string line =
      fmt::format("{} from {} by {}", event.what, to_string(event.code), event.reason);
  if (event.duration.count() != 0) line += " after " + milliseconds(event.duration);
  return line;
}

// What happened; of the caller's own words the command alone. An event unknown here is still a
// line.
std::string sentence(const PoolEvent& event) {
  const std::string_view what = event.what;
  if (what == "request_resolved") return resolved(event);
  if (what == "request_submitted") return fmt::format("request {} submitted", event.request);
  if (what == "request_granted") {
    return fmt::format("request {} granted worker {}", event.request, event.worker);
  }
  if (what == "request_requeued") {
    return fmt::format("request {} queued again, worker {} was unusable", event.request,
                       event.worker);
  }
  if (what == "request_payload") {  // excerpts, escaped already
    return fmt::format("request {} on worker {}: arguments {} answer {}", event.request,
                       event.worker, event.arguments, event.answer);
  }
  if (what == "request_retry_scheduled") {
    return fmt::format("request {} failed with {}, retry {} in {}", event.request,
                       to_string(event.code), event.count, milliseconds(event.duration));
  }
  if (what == "request_retry_exhausted") {
    return fmt::format("request {} failed with {} and is tried no more after {} retries ({})",
                       event.request, to_string(event.code), event.count, event.reason);
  }
  if (what == "worker_spawning") return fmt::format("worker {} spawning", event.worker);
  if (what == "worker_transition") {
    return fmt::format("worker {} {} -> {} ({})", event.worker, event.from, event.to, event.reason);
  }
  if (what == "health_probe_started") return fmt::format("worker {} pinged", event.worker);
  if (what == "health_probe_ended") {
    return fmt::format("worker {} {} its ping after {}", event.worker,
                       event.code == ErrorCode::none ? "answered" : "failed",
                       milliseconds(event.duration));
  }
  if (what == "worker_unhealthy") {
    return fmt::format("worker {} is unhealthy ({}), {} failures in a row", event.worker,
                       to_string(event.code), event.count);
  }
  if (what == "worker_recovered") {
    return fmt::format("worker {} is healthy again after {}", event.worker,
                       milliseconds(event.duration));
  }
  if (what == "worker_stuck") {
    return fmt::format("worker {} is stuck with its request ({}), for {} at least", event.worker,
                       event.reason, milliseconds(event.duration));
  }
  if (what == "worker_goes_on") {
    return fmt::format("worker {} goes on, was stuck ({})", event.worker, event.reason);
  }
  if (what == "worker_ejected") {
    return fmt::format("worker {} stands out by its {}, and gets no work for {} ({}. time)",
                       event.worker, event.reason, milliseconds(event.duration), event.count);
  }
  if (what == "worker_readmitted") return fmt::format("worker {} gets work again", event.worker);
  if (what == "start_extended") {
    return fmt::format("worker {} still starts, has reported progress, and gets more time ({})",
                       event.worker, event.count);
  }
  if (what.starts_with("breaker_")) {
    const std::string wait =
        event.to == "open" ? ", for " + milliseconds(event.duration) : std::string{};
    return fmt::format("breaker {} {} -> {} after {} failures{}", wire::excerpt(event.breaker),
                       event.from, event.to, event.count, wait);
  }
  if (what == "start_backing_off") {
    return fmt::format("next start in {}", milliseconds(event.duration));
  }
  if (what == "lease_overdue") {
    return fmt::format("lease {} has held worker {} for {}", event.request, event.worker,
                       milliseconds(event.duration));
  }
  if (what.starts_with("recovery_")) return recovery(event);
  if (what == event_names::warden_restarted) {
    return fmt::format("the warden had died and was replaced, the {}. time", event.count);
  }
  std::string line{what};
  if (event.request != 0) line += fmt::format(" request {}", event.request);
  if (event.worker != 0) line += fmt::format(" worker {}", event.worker);
  if (event.code != ErrorCode::none) line += fmt::format(" {}", to_string(event.code));
  if (event.count != 0) line += fmt::format(" count {}", event.count);
  return line;
}

}  // namespace

Level log_level(const PoolEvent& event) {
  const std::string_view what = event.what;
  if (what == "start_circuit_opened") return Level::critical;
  if (what == "breaker_opened" || what == "breaker_reopened") return Level::err;
  if (what == "queue_full" || what == "overload_began" || what == "lease_overdue" ||
      what == "worker_stuck" || what == "worker_ejected" || what == "breaker_ordered" ||
      what == "start_backing_off" || what == "request_requeued" ||
      what == "request_retry_scheduled" || what == "request_retry_exhausted") {
    return Level::warn;
  }
  // The cause has been logged already, by its own severity.
  if (what == event_names::warden_restarted) return Level::warn;
  if (what == "recovery_failed" || what == "recovery_timed_out") return Level::warn;
  if (what.starts_with("recovery_")) return Level::info;
  if (event.code != ErrorCode::none) return level_of(traits(event.code).severity);
  if (what.starts_with("health_probe_") || what.starts_with("request_") ||
      what == "worker_transition")
    return Level::debug;
  return Level::info;
}

std::string log_line(const PoolEvent& event) {
  std::string line = sentence(event);
  if (!event.place.empty()) line += ", taken at " + wire::excerpt(event.place);
  if (!event.label.empty()) line += " [" + wire::excerpt(event.label) + "]";
  if (!event.traceparent.empty()) line += " traceparent " + wire::excerpt(event.traceparent);
  return line;
}

}  // namespace observe

Sink spdlog_sink(std::shared_ptr<spdlog::logger> logger) {
  return [logger = std::move(logger)](const PoolEvent& event) {
    const auto level = observe::log_level(event);
    // Most events are debug lines that nobody wants: not formatted then.
    if (logger->should_log(level)) logger->log(level, observe::log_line(event));
  };
}

}  // namespace ordeal::pool

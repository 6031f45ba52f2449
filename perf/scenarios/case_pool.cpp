#include "perf/scenarios/case_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "ordeal/pool/pool.hpp"
#include "perf/bench/python.hpp"
#include "pool/process/data_file.hpp"

namespace ordeal::perf {

std::string checkout_folder() {
  if (const char* folder = std::getenv("ORDEAL_CHECKOUT")) return folder;
  return pool::process::data_file("", ORDEAL_CHECKOUT);
}

std::vector<std::string> worker_command(const CaseSpec& spec) {
  const char* program =
      spec.slow_import ? "/perf/bench/slow_import_bridge.py" : "/python_mock/mock_bridge.py";
  return {worker_python(), checkout_folder() + program, "--faults"};
}

pool::Options options_of(const CaseSpec& spec) {
  pool::Options options = spec.pool;
  options.command = worker_command(spec);
  options.environment["PYTHON_MOCK"] = checkout_folder() + "/python_mock";
  options.queue_max = std::max(options.queue_max, spec.callers);
  options.stop_grace = std::chrono::milliseconds{0};
  return options;
}

std::string arguments_of(const CaseSpec& spec) {
  if (spec.command == "echo") {
    return fmt::format(R"({{"payload":"{}"}})", std::string(spec.payload_bytes, 'x'));
  }
  return fmt::format(R"({{"ms":{}}})", spec.work_ms);
}

Error no_program(const CaseSpec& spec, const pool::Error& error) {
  return {.kind = ErrorKind::program,
          .about = fmt::format("{}/{}", spec.suite, spec.name),
          .message = error.message};
}

trial::MakeCall calls_through(pool::Pool& pool, const CaseSpec& spec, bool tried_again,
                              std::vector<trial::LatencyHistogram>* queued) {
  std::vector<std::string> sessions(spec.sessions);
  for (std::size_t i = 0; i < sessions.size(); ++i) sessions[i] = fmt::format("session-{}", i);
  std::optional<pool::RetryPolicy> retry;
  if (tried_again) {
    retry = pool::RetryPolicy{.max_retries = 3,
                              .base_delay = std::chrono::milliseconds{1},
                              .max_delay = std::chrono::milliseconds{10}};
  }
  return [&pool, arguments = arguments_of(spec), command = spec.command,
          sessions = std::move(sessions), retry, tried_again,
          queued](const trial::PlannedCall& call, std::uint32_t caller, trial::TimePoint deadline) {
    pool::CallOptions options{.deadline = deadline, .idempotent = tried_again, .retry = retry};
    if (call.session) options.session = sessions[*call.session];
    const auto reply = pool.call(command, pool::JsonText{arguments}, options);
    if (!reply) {
      return trial::CallEnd{reply.error().certainty() == pool::Certainty::failed
                                ? trial::Outcome::failed
                                : trial::Outcome::indeterminate,
                            pool::to_string(reply.error().category())};
    }
    if (queued != nullptr) (*queued)[caller].add(reply->queued);
    return trial::CallEnd{};
  };
}

}  // namespace ordeal::perf

// Starting a worker: process, then handshake.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "pool/process/environment.hpp"
#include "pool/process/spawn.hpp"
#include "pool/runtime/driver.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/timestamp.hpp"
#include "pool/wire/envelope.hpp"

namespace ordeal::pool::runtime {
namespace {

constexpr std::string_view worker_id_placeholder = "{worker_id}";

std::string with_worker_id(std::string argument, core::WorkerId id) {
  const std::string serial = std::to_string(id.serial);
  for (std::size_t at = argument.find(worker_id_placeholder); at != std::string::npos;
       at = argument.find(worker_id_placeholder, at + serial.size())) {
    argument.replace(at, worker_id_placeholder.size(), serial);
  }
  return argument;
}

std::vector<std::string> worker_environment(const Options& options, const WorkerProgram& program) {
  const std::vector<std::string_view> allowed{options.environment_allow.begin(),
                                              options.environment_allow.end()};
  std::map<std::string, std::string> set = program.environment;
  set.insert(options.environment.begin(), options.environment.end());
  std::vector<std::string> added;
  for (const auto& [name, value] : set) added.push_back(name + "=" + value);
  return process::make_environment(environ, allowed, added);
}

}  // namespace

// Heartbeats only where somebody looks for them.
wire::Capabilities Housekeeper::offered_capabilities() const {
  wire::Capabilities offered = wire::Capabilities::all();
  return heartbeat_ms() > 0 ? offered : offered.remove(wire::Capability::heartbeat);
}

// So that several come between two looks at a worker, of which each may be late.
std::uint32_t Housekeeper::heartbeat_ms() const {
  constexpr std::int64_t beats_per_interval = 5;
  const std::chrono::milliseconds interval =
      engine_.options().health_interval.value_or(std::chrono::milliseconds{0});
  if (interval.count() <= 0) return 0;
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>(1, interval.count() / beats_per_interval));
}

void Housekeeper::spawn(core::WorkerId id, std::uint64_t generation) {
  if (!fork_from_template(id, generation)) spawn_cold(id, generation);
}

void Housekeeper::spawn_cold(core::WorkerId id, std::uint64_t generation) {
  auto request = spawn_request(generation);
  if (!request) return begin_worker(id, tl::unexpected(request.error()));
  for (std::string& argument : request->command) argument = with_worker_id(argument, id);
  auto process = process::spawn(*request);
  if (!process) return begin_worker(id, tl::unexpected(process.error()));
  begin_worker(id, make_record(id, generation, std::move(*process)));
}

void Housekeeper::begin_worker(core::WorkerId id, Result<std::unique_ptr<WorkerRecord>> made) {
  if (!made) return give_up_start(id, std::move(made.error()), false);
  WorkerRecord& worker = **made;
  live_.push_back(&worker);
  watch_worker(worker);
  engine_.adopt_worker(std::move(*made));
  begin_handshake(worker);
}

Result<process::SpawnRequest> Housekeeper::spawn_request(std::uint64_t generation) {
  // No worker without a warden: it is what keeps a killed host from leaving orphans.
  if (!ensure_warden()) {
    return tl::unexpected(make_error(ErrorCode::spawn_failed, "the warden cannot be started"));
  }
  process::SpawnRequest request;
  WorkerProgram program = engine_.program_of(generation);
  request.environment = worker_environment(engine_.options(), program);
  request.command = std::move(program.command);
  request.working_directory = std::move(program.working_directory);
  request.lifeline = warden_->lifeline();
  return request;
}

Result<std::unique_ptr<WorkerRecord>> Housekeeper::make_record(core::WorkerId id,
                                                               std::uint64_t generation,
                                                               process::WorkerProcess process) {
  const Options& options = engine_.options();
  auto worker =
      std::make_unique<WorkerRecord>(id, static_cast<std::uint32_t>(options.frame_bytes_max));
  auto waiter = ReplyWaiter::make(process.pipes().from_worker.get());
  if (!waiter) return tl::unexpected(waiter.error());
  worker->waiter.emplace(std::move(*waiter));
  worker->generation = generation;
  worker->spawned_at = now();
  worker->pid = process.pid();
  worker->process.emplace(std::move(process));
  worker->stderr_tail.emplace(
      process::StderrTailOptions{.bytes_max = static_cast<std::size_t>(options.stderr_bytes_max)});
  return worker;
}

void Housekeeper::begin_handshake(WorkerRecord& worker) {
  const auto encoded = wire::encode_ping(
      worker.request_frame, std::to_string(worker.id.serial), offered_capabilities(),
      wall_timestamp(),
      {.heartbeat_ms = heartbeat_ms(), .spin_us = engine_.options().worker_spin_us});
  if (!encoded) {
    fail_start(worker, encoded.error());
    return;
  }
  worker.purpose = Purpose::handshake;
  worker.channel.start(0, worker.request_frame, core::never);  // the core minds start_timeout
  watch_channel(worker, true, false);
  advance(worker);
}

void Housekeeper::finish_handshake(WorkerRecord& worker) {
  const auto handshake = wire::judge_handshake(*worker.channel.result(), offered_capabilities());
  watch_channel(worker, false, false);
  worker.purpose = Purpose::none;
  if (!handshake) {
    fail_start(worker, handshake.error());
    return;
  }
  worker.negotiated = *handshake;
  worker.channel.release();
  if (!begin_start_call(worker)) become_ready(worker);
}

void Housekeeper::become_ready(WorkerRecord& worker) {
  worker.last_used_at = now();
  worker.bytes_written = 0;
  worker.ready = true;
  worker.reports = worker.beats = 0;
  engine_.feed(
      core::event::WorkerReady{.worker = worker.id,
                               .slots = worker.negotiated.slots,
                               .beats = worker.negotiated.agreed.has(wire::Capability::heartbeat)});
  replenish_spares();
}

// The next of its program's; false if it has answered them all. The core minds start_timeout.
bool Housekeeper::begin_start_call(WorkerRecord& worker) {
  const WorkerProgram program = engine_.program_of(worker.generation);
  if (!program.start_calls || worker.start_calls_done >= program.start_calls->size()) return false;
  const StartCall& call = (*program.start_calls)[worker.start_calls_done];
  worker.purpose = Purpose::start_call;
  worker.waited_for_news = false;
  begin_exchange(worker, {.command = call.command, .arguments = call.arguments}, now());
  worker.request_in_hand = 0;  // nobody's: not for the certificate
  advance(worker);
  return true;
}

void Housekeeper::finish_start_call(WorkerRecord& worker) {
  watch_channel(worker, false, false);
  worker.purpose = Purpose::none;
  const wire::ExchangeResult& result = *worker.channel.result();
  if (result.verdict == core::ExchangeVerdict::replied && result.code == ErrorCode::none) {
    ++worker.start_calls_done;
    worker.channel.release();
    if (!begin_start_call(worker)) become_ready(worker);
    return;
  }
  const WorkerProgram program = engine_.program_of(worker.generation);
  const bool refused = result.verdict == core::ExchangeVerdict::application_error;
  fail_start(
      worker,
      make_error(ErrorCode::handshake_failed,
                 fmt::format("worker {} did not take its start-up call {}: {}", worker.id.serial,
                             (*program.start_calls)[worker.start_calls_done].command,
                             refused ? result.application->message : result.message)));
}

// For a worker that has no process of its own, or never had one that ran.
void Housekeeper::give_up_start(core::WorkerId id, Error error, bool spawned) {
  error.worker = id.serial;
  engine_.note_start_failure(std::move(error));
  engine_.feed(core::event::WorkerExited{.worker = id, .spawned = spawned});
}

void Housekeeper::fail_start(WorkerRecord& worker, Error error) {
  const ErrorCode code = error.code;
  error.worker = worker.id.serial;
  worker.start_failure_noted = true;
  engine_.note_start_failure(std::move(error));
  engine_.feed(core::event::WorkerFaulted{.worker = worker.id, .code = code});
  replenish_spares();
}

}  // namespace ordeal::pool::runtime

// The warm template and its spares: started, asked for workers, replaced when it dies.
// States and invariants: template_state.hpp.
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "pool/core/backoff.hpp"
#include "pool/process/certificate.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/overloaded.hpp"
#include "pool/runtime/timestamp.hpp"
#include "pool/runtime/watch.hpp"
#include "pool/wire/envelope.hpp"

namespace ordeal::pool::runtime {
namespace {

using Phase = TemplateState::Phase;

// A template that served for so long died of something else than its own start.
constexpr Duration long_life = std::chrono::seconds{10};
// Without one, workers start cold; that is no reason to wait long.
constexpr Duration pause_max = std::chrono::seconds{1};

}  // namespace

// Whether a template sees to this worker; else it is to be started cold.
bool Housekeeper::fork_from_template(core::WorkerId id, std::uint64_t generation) {
  TemplateState& t = template_;
  if (!engine_.options().fork_template || t.phase == Phase::cold) return false;
  // A trial of another program, before it is worth a template.
  if (!forks_the_same(generation)) return false;
  if (t.phase == Phase::none) {
    if (now() < t.not_before) return false;
    t.waiting.push_back({id, generation});
    start_template();
    return true;
  }
  t.waiting.push_back({id, generation});
  serve_waiting();
  return true;
}

// Workers of that generation differ from the template's, if at all, in their start calls, which
// come after the fork.
bool Housekeeper::forks_the_same(std::uint64_t generation) const {
  return generation == template_.of_generation || engine_.changes_settings_alone(generation);
}

void Housekeeper::start_template() {
  TemplateState& t = template_;
  auto request = spawn_request(t.of_generation);
  if (!request) return fail_waiting(request.error());
  auto started = process::ForkTemplate::start(std::move(*request));
  if (!started) return fail_waiting(started.error());
  t.process.emplace(std::move(*started));
  t.stderr_tail.emplace(process::StderrTailOptions{
      .bytes_max = static_cast<std::size_t>(engine_.options().stderr_bytes_max)});
  t.phase = Phase::importing;
  t.started_at = now();
  t.revive = false;
  ++t.told.generation;
  process::WorkerProcess& process = t.process->process();
  const int epoll = epoll_.get();
  watch(epoll, process.pidfd(), EPOLLIN, {WatchKind::template_process, {}});
  watch(epoll, process.pipes().standard_error.get(), EPOLLIN, {WatchKind::template_stderr, {}});
  watch(epoll, process.pipes().from_worker.get(), EPOLLIN, {WatchKind::template_reply, {}});
  watch(epoll, t.process->socket(), EPOLLIN, {WatchKind::template_socket, {}});
  // A template does not read this; a program that answers is none.
  std::string ping;
  if (wire::encode_ping(ping, "template", offered_capabilities(), wall_timestamp(),
                        {.heartbeat_ms = heartbeat_ms()})) {
    (void)!::write(process.pipes().to_worker.get(), ping.data(), ping.size());
  }
  tell_template(event_names::template_started);
}

void Housekeeper::handle_template(WatchKind kind) {
  if (kind == WatchKind::spare) return bury_spares();
  if (!template_.process) return;  // an earlier event of the same batch has ended it
  switch (kind) {
    case WatchKind::template_process:
      return bury_template();
    case WatchKind::template_socket:
      return advance_template();
    case WatchKind::template_reply:
      return hear_template_reply();
    case WatchKind::template_stderr:
      return drain_template_stderr();
    default:
      return;
  }
}

void Housekeeper::advance_template() {
  while (template_.process) {
    auto message = template_.process->receive();
    if (!message) return;
    std::visit(Overloaded{
                   [&](process::TemplateReady& m) { template_ready(m); },
                   [&](process::TemplateForked& m) { adopt_forked(std::move(m.worker)); },
                   [&](process::TemplateRefused& m) { go_cold(m.reason); },
                   [&](process::TemplateClosed&) {
                     // Dead, and then the pidfd says so; or gone mad.
                     stop_watching(template_.process->socket());
                     template_.process->process().signal_group(SIGKILL);
                   },
               },
               *message);
    if (std::holds_alternative<process::TemplateClosed>(*message)) return;
  }
}

void Housekeeper::template_ready(const process::TemplateReady& ready) {
  template_.phase = Phase::ready;
  template_.ready_at = now();
  template_.told.import_time = std::chrono::milliseconds{ready.import_ms};
  tell_template(event_names::template_ready);
  serve_waiting();
}

// Asks for as many workers as are missing, and hands out what there is.
void Housekeeper::serve_waiting() {
  TemplateState& t = template_;
  while (!t.waiting.empty() && !t.spares.empty()) {
    process::WorkerProcess spare = std::move(t.spares.front());
    t.spares.pop_front();
    if (is_readable_now(spare.pidfd())) {
      bury_spare(spare);
      continue;
    }
    stop_watching(spare.pidfd());
    hand_over(std::move(spare));
  }
  if (t.phase == Phase::ready) {
    const Instant at = now();
    const Instant put_off_until = spares_put_off_until(at);
    const std::size_t spares = put_off_until > at ? 0 : engine_.options().warm_spares;
    t.spares_at =
        put_off_until > at && engine_.options().warm_spares > 0 ? put_off_until : core::never;
    const std::size_t wanted = t.waiting.size() + spares;
    while (t.spares.size() + t.process->forks_pending() < wanted) {
      if (auto asked = t.process->request_fork(); !asked) return go_cold(asked.error().message);
    }
  }
  tell_template({});
}

// Until when spares are put off. Some worker is not ready yet, and needs the processors more than
// the next spare does, whose fork would take as long as the worker's own start; but a start that
// takes many times as long as one should holds up nobody.
Instant Housekeeper::spares_put_off_until(Instant at) const {
  Instant until = at;
  for (const WorkerRecord* worker : live_) {
    const bool starts =
        worker->purpose == Purpose::handshake || worker->purpose == Purpose::start_call;
    if (worker->exited || !starts) continue;
    until = std::max(until, core::after(worker->spawned_at, spare_patience));
  }
  return until;
}

// A start is over, however it ended.
void Housekeeper::replenish_spares() {
  template_.spares_at = core::never;
  if (engine_.options().warm_spares > 0 && template_.phase == Phase::ready) serve_waiting();
}

// A new worker. It does nothing before its first request, so the warden can be told now.
void Housekeeper::adopt_forked(process::WorkerProcess worker) {
  TemplateState& t = template_;
  ++t.told.forks;
  if (!ensure_warden() || !warden_->register_group({worker.group(), worker.pidfd()})) {
    return serve_waiting();  // unguarded, it may not run: asks for another
  }
  if (t.waiting.empty()) {
    watch(epoll_.get(), worker.pidfd(), EPOLLIN, {WatchKind::spare, {}});
    t.spares.push_back(std::move(worker));
    return tell_template(event_names::template_spare_ready);
  }
  hand_over(std::move(worker));
}

// Told before it begins: its answer to the handshake may be there as soon as it is looked for, and
// then it is ready, and whoever sees that must not see it among the spares.
void Housekeeper::hand_over(process::WorkerProcess worker) {
  const TemplateState::Waiting next = template_.waiting.front();
  template_.waiting.pop_front();
  tell_template({});
  begin_worker(next.worker, make_record(next.worker, next.generation, std::move(worker)));
}

// For good: what it refuses once it would refuse again.
void Housekeeper::go_cold(std::string reason) {
  TemplateState& t = template_;
  t.told.reason = std::move(reason);
  end_template();
  t.phase = Phase::cold;
  tell_template(event_names::template_refused);
  start_waiting_cold();
}

// Workers are of another generation from now on: its template is made at once, as this one's was.
void Housekeeper::settle_generation(std::uint64_t generation) {
  TemplateState& t = template_;
  if (!engine_.options().fork_template || generation == t.of_generation) return;
  if (forks_the_same(generation)) {
    t.of_generation = generation;
    return;
  }
  start_waiting_cold();
  for (process::WorkerProcess& spare : t.spares) {
    stop_watching(spare.pidfd());
    spare.signal_group(SIGKILL);
    spare.kill_group_remains();
    (void)warden_->unregister_group(spare.group());
  }
  t.spares.clear();
  end_template();
  t.of_generation = generation;
  t.told.reason.clear();
  t.short_lives = 0;
  t.revive = true;
  t.not_before = now();
  revive_template();
}

void Housekeeper::start_waiting_cold() {
  for (const auto& waiting : std::exchange(template_.waiting, {})) {
    spawn_cold(waiting.worker, waiting.generation);
  }
}

void Housekeeper::fail_waiting(const Error& error) {
  for (const auto& waiting : std::exchange(template_.waiting, {})) {
    give_up_start(waiting.worker, error, true);
  }
}

// The core waits no longer for this one. Returns whether it was waiting.
bool Housekeeper::give_up_forking(core::WorkerId id) {
  TemplateState& t = template_;
  const auto is_it = [id](const TemplateState::Waiting& waiting) { return waiting.worker == id; };
  if (std::erase_if(t.waiting, is_it) == 0) return false;
  const bool hangs =  // the core has had it looked at: it reports no progress, or has for too long
      t.phase == Phase::importing && now() - t.started_at >= engine_.options().start_timeout;
  give_up_start(id,
                make_error(ErrorCode::start_timeout,
                           fmt::format("worker {} was not forked in time: its template is {}",
                                       id.serial, to_string(t.phase))),
                true);
  if (hangs) {
    t.hung = true;
    t.process->process().signal_group(SIGKILL);
  }
  return true;
}

void Housekeeper::bury_template() {
  TemplateState& t = template_;
  advance_template();  // what it said last still counts
  if (!t.process) return;
  const auto status = t.process->process().try_reap();
  if (!status) return;
  drain_template_stderr();
  const bool was_ready = t.phase == Phase::ready;
  const DeathCertificate certificate = process::make_certificate(
      *status,
      {.worker = 0,
       .pid = t.process->process().pid(),
       .age = std::chrono::duration_cast<std::chrono::milliseconds>(now() - t.started_at),
       .served = t.told.forks,
       .before_ready = !was_ready,
       .stderr_tail = t.stderr_tail->text()},
      &oom_counter_, std::chrono::steady_clock::now());
  const Duration lived = now() - t.ready_at;
  end_template();
  ++t.told.deaths;
  t.told.reason = certificate.summary();
  if (std::exchange(t.hung, false) && !engine_.stopping()) {
    // Its death is our doing: whoever has come since has a start_timeout of his own, and a
    // template.
    tell_template(event_names::template_died);
    if (!t.waiting.empty()) start_template();
    return;
  }
  if (!was_ready) {
    Error error = make_error(
        ErrorCode::start_exited,
        fmt::format("the fork template did not become ready: {}", certificate.summary()));
    error.certificate = std::make_shared<const DeathCertificate>(certificate);
    tell_template(event_names::template_died);
    return fail_waiting(error);
  }
  t.short_lives = lived < long_life ? t.short_lives + 1 : 0;
  t.revive = true;
  t.not_before = now();
  if (t.short_lives > 1) {
    const Options& options = engine_.options();
    t.not_before += core::backoff_ceiling(options.start_backoff_base,
                                          std::min<Duration>(options.start_backoff_max, pause_max),
                                          t.short_lives - 1);
  }
  tell_template(event_names::template_died);
  revive_template();
}

// One that had been ready has died, and no other has been started.
bool Housekeeper::template_missed() const {
  return template_.revive && template_.phase == Phase::none;
}

// Whoever waits meanwhile starts cold.
void Housekeeper::revive_template() {
  TemplateState& t = template_;
  if (engine_.stopping()) t.revive = false;
  if (!template_missed()) return;
  if (now() < t.not_before) return start_waiting_cold();
  start_template();
}

void Housekeeper::drain_template_stderr() {
  drain_stderr(*template_.stderr_tail, template_.process->process());
}

// It says something where only a worker speaks.
void Housekeeper::hear_template_reply() {
  const int pipe = template_.process->process().pipes().from_worker.get();
  std::array<char, 1> byte{};
  if (::read(pipe, byte.data(), byte.size()) <= 0) return stop_watching(pipe);
  go_cold("the worker program answers requests itself: it is not built on ordeal_worker");
}

void Housekeeper::end_template() {
  TemplateState& t = template_;
  t.phase = Phase::none;
  if (!t.process) return;
  const int group = t.process->process().group();
  t.process.reset();  // kills, reaps, closes; with that epoll forgets it
  (void)warden_->unregister_group(group);
}

void Housekeeper::bury_spares() {
  for (auto spare = template_.spares.begin(); spare != template_.spares.end();) {
    if (is_readable_now(spare->pidfd())) {
      bury_spare(*spare);
      spare = template_.spares.erase(spare);
    } else {
      ++spare;
    }
  }
  serve_waiting();
}

void Housekeeper::bury_spare(process::WorkerProcess& spare) {
  stop_watching(spare.pidfd());
  (void)spare.try_reap();
  (void)warden_->unregister_group(spare.group());
}

// Publishes what status() says, and, if it is named, an event.
void Housekeeper::tell_template(std::string_view what) {
  TemplateState& t = template_;
  t.told.state = to_string(t.phase);
  t.told.pid = t.process ? t.process->process().pid() : 0;
  t.told.spares = static_cast<std::uint32_t>(t.spares.size());
  engine_.note_template(t.told);
  if (what.empty()) return;
  PoolEvent event;
  event.what = what;
  event.at = std::chrono::steady_clock::now();
  event.count = static_cast<std::uint32_t>(t.told.generation);
  if (t.phase == Phase::ready) event.duration = now() - t.started_at;
  engine_.tell(std::move(event));
}

}  // namespace ordeal::pool::runtime

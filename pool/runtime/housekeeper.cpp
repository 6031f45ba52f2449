// The loop itself: inbox, events, timers. What it does about them is in starting.cpp, exchanges.cpp
// and dying.cpp.
#include "pool/runtime/housekeeper.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/overloaded.hpp"
#include "pool/runtime/proc.hpp"
#include "pool/runtime/watch.hpp"

namespace ordeal::pool::runtime {
namespace {

constexpr int events_per_turn = 64;

}  // namespace

Housekeeper::Housekeeper(Engine& engine) : engine_(engine) {
  const Options& options = engine.options();
  if (options.retire_rss_max_kib != 0 || options.retire_rss_growth_kib != 0) {
    measure_at_ = core::after(now(), options.retire_rss_interval);
  }
}

Housekeeper::~Housekeeper() { finish(); }

Result<void> Housekeeper::start() {
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  kick_event_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !kick_event_) {
    return tl::unexpected(
        make_error(ErrorCode::spawn_failed, std::string{"epoll or eventfd: "} + strerror(errno)));
  }
  watch(epoll_.get(), kick_event_.get(), EPOLLIN, {WatchKind::kick, {}});
  auto warden = process::Warden::start();
  if (!warden) return tl::unexpected(warden.error());
  warden_.emplace(std::move(*warden));
  warden_pid_ = warden_->pid();
  watch(epoll_.get(), warden_->pidfd(), EPOLLIN, {WatchKind::warden, {}});
  thread_ = start_quiet_thread("ordeal-house", [this] { run(); });
  return {};
}

void Housekeeper::kick() {
  if (kicked_.exchange(true, std::memory_order_acq_rel)) return;
  (void)eventfd_write(kick_event_.get(), 1);
}

void Housekeeper::finish() {
  if (thread_.joinable()) thread_.join();
  template_.process.reset();
  template_.spares.clear();
  warden_.reset();
}

void Housekeeper::run() {
  std::array<epoll_event, events_per_turn> events{};
  while (true) {
    perform_inbox();
    if (engine_.stopped()) return;
    const int count = epoll_until(epoll_.get(), events, next_deadline(core_timer_));
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    expire(now());
  }
}

// Performing may feed the engine, which may fill the inbox again: until it stays empty.
void Housekeeper::perform_inbox() {
  Engine::Inbox inbox;
  do {
    kicked_.store(false, std::memory_order_release);
    inbox.actions.clear();
    inbox.async_grants.clear();
    inbox.stack_asks.clear();
    core_timer_ = engine_.take_inbox(inbox);
    // Grants first: an interrupt in the same batch is for an exchange that has begun.
    for (TicketSlot* slot : inbox.async_grants) begin_async(*slot);
    for (const core::Action& action : inbox.actions) perform(action);
    for (const StackAsk& ask : inbox.stack_asks) ask_stacks(ask);
  } while (!inbox.actions.empty() || !inbox.async_grants.empty());
}

void Housekeeper::perform(const core::Action& action) {
  const auto with = [this](core::WorkerId id, auto&& act) {
    if (WorkerRecord* worker = engine_.worker(id)) act(*worker);
  };
  std::visit(
      Overloaded{
          [&](const core::action::Spawn& a) { spawn(a.worker, a.generation); },
          [&](const core::action::SettleGeneration& a) { settle_generation(a.generation); },
          [&](const core::action::Withdraw& a) {
            with(a.worker, [&](auto& w) { w.retired_for = core::to_string(a.reason); });
          },
          [&](const core::action::Kill& a) {
            if (give_up_forking(a.worker)) return;
            with(a.worker, [&](auto& w) { kill(w, a); });
          },
          [&](const core::action::AskToStop& a) {
            with(a.worker, [&](auto& w) {
              w.retired_for = core::to_string(a.reason);
              ask_to_stop(w);
            });
          },
          [&](const core::action::Drain& a) { with(a.worker, [&](auto& w) { begin_drain(w); }); },
          [&](const core::action::Probe& a) {
            if (!a.again) with(a.worker, [&](auto& w) { begin_ping(w); });
          },
          [&](const core::action::Look& a) { look(a.worker); },
          [&](const core::action::DumpStacks& a) {
            with(a.worker, [&](auto& w) { dump_stacks(w); });
          },
          [&](const core::action::Interrupt& a) { with(a.worker, [&](auto& w) { interrupt(w); }); },
          [&](const core::action::Forget& a) {
            with(a.worker, [&](auto& w) { std::erase(live_, &w); });
            engine_.discard_worker(a.worker);
          },
          [](const auto&) {},
      },
      action);
}

void Housekeeper::handle(const epoll_event& event) {
  const Watch watch = Watch::from_key(event.data.u64);
  if (watch.kind == WatchKind::kick) {
    eventfd_t count = 0;
    (void)eventfd_read(kick_event_.get(), &count);
    return;
  }
  if (watch.kind == WatchKind::warden) {
    (void)ensure_warden();
    return;
  }
  if (watch.is_of_template()) return handle_template(watch.kind);
  // Not found: an earlier event of the same batch has ended it.
  const auto found = std::find_if(live_.begin(), live_.end(), [&](const WorkerRecord* worker) {
    return watch.is_for(worker->id);
  });
  if (found == live_.end()) return;
  WorkerRecord& worker = **found;
  switch (watch.kind) {
    case WatchKind::process:
      bury(worker);
      break;
    case WatchKind::standard_error:
      drain_stderr(*worker.stderr_tail, *worker.process);
      if (worker.stacks_due != core::never || worker.dumping) look_for_stacks(worker);
      break;
    case WatchKind::progress:
      drain_progress(worker);
      break;
    case WatchKind::reply_timer:
      worker.waiter->on_timer();
      break;
    case WatchKind::reply:
    case WatchKind::request:
      advance(worker);
      break;
    default:
      break;
  }
}

Instant Housekeeper::next_deadline(Instant core_timer) const {
  Instant next = core_timer;
  next = std::min(next, measure_at_);
  if (template_missed()) next = std::min(next, template_.not_before);
  next = std::min(next, template_.spares_at);
  for (const WorkerRecord* worker : live_) {
    next = std::min({next, worker->lost_deadline, worker->stacks_due});
    if (worker->purpose == Purpose::async_call && !worker->channel.result()) {
      next = std::min(next, worker->channel.deadline());
    }
  }
  return next;
}

void Housekeeper::expire(Instant at) {
  for (WorkerRecord* worker : std::vector<WorkerRecord*>{live_}) {
    if (worker->stacks_due <= at) end_stack_ask(*worker);
    if (worker->lost_deadline <= at) {
      worker->lost_deadline = core::never;
      conclude(*worker);
    } else if (worker->purpose == Purpose::async_call && !worker->channel.result() &&
               worker->channel.deadline() <= at) {
      worker->channel.on_deadline();
      conclude(*worker);
    }
  }
  if (template_missed() && template_.not_before <= at) revive_template();
  if (template_.spares_at <= at) replenish_spares();
  if (measure_at_ <= at) measure_workers();
  if (core_timer_ <= at) engine_.feed(core::event::TimePassed{});
}

// Of their own processes: grandchildren's memory ends with the worker too, but is not looked at.
void Housekeeper::measure_workers() {
  measure_at_ = core::after(now(), engine_.options().retire_rss_interval);
  for (const WorkerRecord* worker : std::vector<WorkerRecord*>{live_}) {
    if (!worker->ready || worker->exited) continue;
    const std::int64_t rss_kib = resident_kib(worker->pid);
    if (rss_kib <= 0) continue;
    engine_.feed(core::event::WorkerMeasured{.worker = worker->id,
                                             .rss_kib = static_cast<std::uint64_t>(rss_kib)});
  }
}

void Housekeeper::watch_worker(WorkerRecord& worker) {
  const process::WorkerPipes& pipes = worker.process->pipes();
  const int epoll = epoll_.get();
  watch(epoll, worker.process->pidfd(), EPOLLIN, {WatchKind::process, worker.id});
  watch(epoll, pipes.standard_error.get(), EPOLLIN, {WatchKind::standard_error, worker.id});
  watch(epoll, worker.waiter->timer_descriptor(), EPOLLIN | EPOLLET,
        {WatchKind::reply_timer, worker.id});
  if (pipes.progress) watch(epoll, pipes.progress.get(), EPOLLIN, {WatchKind::progress, worker.id});
}

void Housekeeper::watch_channel(WorkerRecord& worker, bool reply, bool request) {
  const auto set = [&](bool wanted, bool& watching, int descriptor, std::uint32_t events,
                       WatchKind kind) {
    if (wanted == watching) return;
    watching = wanted;
    if (wanted) {
      watch(epoll_.get(), descriptor, events, {kind, worker.id});
    } else {
      stop_watching(descriptor);
    }
  };
  set(reply, worker.watching_reply, worker.reply_descriptor(), EPOLLIN, WatchKind::reply);
  set(request, worker.watching_request, worker.request_descriptor(), EPOLLOUT, WatchKind::request);
}

void Housekeeper::stop_watching(int descriptor) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

}  // namespace ordeal::pool::runtime

// The pool's one thread for everything that is not a caller's own exchange: it starts workers,
// notices their deaths, drains their stderr and late replies, runs asynchronous calls, keeps the
// core's time, and minds the warden. One epoll loop; it never blocks on a worker.
//
// What it is told comes through the engine's inbox; what it finds it feeds to the engine. It is the
// only one who touches processes, so no kill can meet a pid that was reaped a moment ago.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "pool/process/certificate.hpp"
#include "pool/process/file_descriptor.hpp"
#include "pool/process/warden.hpp"
#include "pool/runtime/clock.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/template_state.hpp"
#include "pool/runtime/watch.hpp"
#include "pool/runtime/worker_record.hpp"

struct epoll_event;

namespace ordeal::pool::runtime {

class Housekeeper {
 public:
  explicit Housekeeper(Engine& engine);
  ~Housekeeper();
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  // Starts warden and thread. On error nothing is left.
  Result<void> start();
  // Makes the loop look at its inbox. Any thread, also under the engine's lock.
  void kick();
  // REQUIRES: the engine is stopped. Joins the thread, ends the warden. Idempotent.
  void finish();

  [[nodiscard]] int warden_pid() const { return warden_pid_.load(); }
  [[nodiscard]] std::uint64_t warden_restarts() const { return warden_restarts_.load(); }

 private:
  void run();
  void perform_inbox();
  void perform(const core::Action& action);
  void handle(const epoll_event& event);
  [[nodiscard]] Instant next_deadline(Instant core_timer) const;
  void expire(Instant at);

  // starting.cpp
  void spawn(core::WorkerId id, std::uint64_t generation);
  void spawn_cold(core::WorkerId id, std::uint64_t generation);
  [[nodiscard]] Result<process::SpawnRequest> spawn_request(std::uint64_t generation);
  [[nodiscard]] Result<std::unique_ptr<WorkerRecord>> make_record(core::WorkerId id,
                                                                  std::uint64_t generation,
                                                                  process::WorkerProcess process);
  void begin_worker(core::WorkerId id, Result<std::unique_ptr<WorkerRecord>> made);
  void begin_handshake(WorkerRecord& worker);
  void finish_handshake(WorkerRecord& worker);
  [[nodiscard]] bool forks_the_same(std::uint64_t generation) const;
  [[nodiscard]] bool begin_start_call(WorkerRecord& worker);
  void finish_start_call(WorkerRecord& worker);
  void become_ready(WorkerRecord& worker);
  void give_up_start(core::WorkerId id, Error error, bool spawned);
  void fail_start(WorkerRecord& worker, Error error);

  // templates.cpp
  [[nodiscard]] bool fork_from_template(core::WorkerId id, std::uint64_t generation);
  void settle_generation(std::uint64_t generation);
  void start_template();
  void advance_template();
  void template_ready(const process::TemplateReady& ready);
  void serve_waiting();
  void adopt_forked(process::WorkerProcess worker);
  void replenish_spares();
  [[nodiscard]] Instant spares_put_off_until(Instant at) const;
  void hand_over(process::WorkerProcess worker);
  void go_cold(std::string reason);
  void start_waiting_cold();
  void fail_waiting(const Error& error);
  [[nodiscard]] bool give_up_forking(core::WorkerId id);
  void handle_template(WatchKind kind);
  void bury_template();
  [[nodiscard]] bool template_missed() const;
  void revive_template();
  void drain_template_stderr();
  void hear_template_reply();
  void end_template();
  void bury_spares();
  void bury_spare(process::WorkerProcess& spare);
  void tell_template(std::string_view what);

  // exchanges.cpp
  void begin_async(TicketSlot& slot);
  void ask(WorkerRecord& worker, TicketSlot& slot);
  void begin_drain(WorkerRecord& worker);
  void begin_ping(WorkerRecord& worker);
  void finish_ping(WorkerRecord& worker);
  void advance(WorkerRecord& worker);
  void advance_drain(WorkerRecord& worker);
  void conclude(WorkerRecord& worker);
  void finish_async(WorkerRecord& worker);
  void interrupt(WorkerRecord& worker);

  void measure_workers();
  // looking.cpp
  void look(core::WorkerId id);
  [[nodiscard]] std::uint32_t look_at_template();
  void dump_stacks(WorkerRecord& worker);
  void end_dump(WorkerRecord& worker);
  // stack_asking.cpp
  void ask_stacks(const StackAsk& ask);
  void look_for_stacks(WorkerRecord& worker);
  void end_stack_ask(WorkerRecord& worker);

  // dying.cpp
  void kill(WorkerRecord& worker, const core::action::Kill& kill);
  void ask_to_stop(WorkerRecord& worker);
  void bury(WorkerRecord& worker);
  void drain_stderr(process::StderrTail& tail, process::WorkerProcess& process);
  void drain_progress(WorkerRecord& worker);
  void hear_progress(WorkerRecord& worker);
  [[nodiscard]] bool ensure_warden();
  [[nodiscard]] std::vector<process::LiveGroup> live_groups();

  [[nodiscard]] wire::Capabilities offered_capabilities() const;
  [[nodiscard]] std::uint32_t heartbeat_ms() const;
  void watch_worker(WorkerRecord& worker);
  void watch_channel(WorkerRecord& worker, bool reply, bool request);
  void stop_watching(int descriptor);

  Engine& engine_;
  process::FileDescriptor epoll_;
  process::FileDescriptor kick_event_;
  std::atomic<bool> kicked_{false};
  std::optional<process::Warden> warden_;
  process::OomCounter oom_counter_;
  std::atomic<int> warden_pid_{0};
  std::atomic<std::uint64_t> warden_restarts_{0};
  std::vector<WorkerRecord*> live_;  // spawned and not forgotten
  TemplateState template_;
  Instant core_timer_ = core::never;
  Instant measure_at_ = core::never;  // the workers' memory
  std::thread thread_;
};

}  // namespace ordeal::pool::runtime

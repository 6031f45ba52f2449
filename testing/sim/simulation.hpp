// The pool's core in a world made up from one seed: clients, workers, faults and time.
//
// The world talks to the core through its public contract alone. After every event the core's own
// invariants and the oracle of testing/model are asked. Further checks: every ticket has its
// outcome by its deadline; nothing to do and no timer while tickets are open is a deadlock; with
// the faults over, a calm round of requests succeeds without exception; the stop ends, with every
// process gone.
//
// The same seed and options give the same run, byte for byte of its trace. A run that fails says
// how to repeat it ("repro: ..."). Bug classes of references/pool-peers.md, section 17, that it
// hunts: 1, 3, 5, 7, 9, 11, 12, 13, 16.
//
// To add a fault: 1. a part-of-1000 field in FaultRates, with a line on what it does; 2. its
// effect, in workers.cpp, where a worker starts, is granted or is told to leave; 3. a draw in
// swarm.cpp. If its outcomes are new, add them to those that the test wants to have seen.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "pool/core/core.hpp"
#include "pool/core/random.hpp"
#include "testing/model/core_oracle.hpp"
#include "testing/sim/agenda.hpp"
#include "testing/sim/fault_rates.hpp"
#include "testing/sim/planned_fault.hpp"

namespace ordeal::trial {

struct SimulationOptions {
  pool::core::CoreOptions core;
  FaultRates faults;
  std::uint32_t clients = 8;         // each has one request open at most; >= 1
  std::uint64_t requests = 1000;     // with faults
  std::uint64_t calm_requests = 20;  // behind them, without
  std::uint32_t cancels = 0;         // parts of 1000 of the requests
  std::uint32_t races = 0;           // of the ends: something else comes at that very instant
  std::uint32_t leases = 0;
  std::uint32_t idempotents = 0;
  std::uint32_t retries = 0;       // may be tried again
  std::uint32_t extremes = 0;      // of those: with delays at the end of their range
  std::uint32_t sessions = 0;      // how many there are; 0: none
  std::uint32_t in_session = 0;    // parts of 1000 of the requests
  std::uint32_t strict = 0;        // of those; the others prefer their worker
  std::uint32_t stateful = 0;      // of those: rely on the worker that served their session last
  std::uint32_t session_ends = 0;  // of those: their session is ended when they are through
  std::uint32_t keys = 0;          // circuits that guard the requests, evenly; 0: none
  std::uint32_t orders = 0;        // parts of 1000 of the requests: an operator sets a circuit
  std::uint32_t operations = 0;    // likewise: resizes, replaces, pauses, drains, rolls
  bool bad_programs = false;       // every other roll is to a program that does not start
  bool stop_under_load = false;    // stops in the middle of the faults; then there is no calm
  bool stop_again = false;         // and is told so once more, with another grace
  pool::core::Duration think_max = std::chrono::milliseconds{2};
  pool::core::Duration latency_max = std::chrono::milliseconds{5};
  pool::core::Duration start_max = std::chrono::milliseconds{50};
  pool::core::Duration budget_max = std::chrono::milliseconds{50};  // of a request with faults
  pool::core::Duration stop_grace_max = std::chrono::seconds{2};
  std::vector<PlannedFault> planned;  // besides `faults`
  pool::core::Duration load_for{};    // then no more requests with faults; 0: by their number
  bool record = false;                // keep the trace in the report
  bool count_promises = false;        // how often each was asked after
  bool look_closely = false;          // also at all that the core shows and tells; slow
};

// A subset of the faults and a configuration of its own for each seed: two faults that hide one
// another are sometimes apart.
[[nodiscard]] SimulationOptions swarm(std::uint64_t seed);

struct SimulationReport {
  std::string error;  // empty: everything held
  std::uint64_t seed = 0;
  std::uint64_t events = 0;
  pool::core::Duration virtual_time{};
  pool::core::Counters counters;
  std::array<std::uint64_t, pool::error_code_count> outcomes{};  // by code
  std::uint64_t circuit_openings = 0;
  std::uint64_t kills = 0;
  std::uint64_t unhealthy_kills = 0;
  std::uint64_t stuck_kills = 0;
  std::uint64_t looks = 0;
  std::uint64_t dumps = 0;
  std::uint64_t ok_after_retry = 0;
  CoreOracle::Seen affinity;
  CoreOracle::Operations operations;
  NaiveCircuit::Visits breakers;
  StateHistogram states;
  CoreOracle::Asked promises;  // with count_promises
  // Barriers: how often the one came first, how often the other.
  struct Race {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
  };
  Race cancel_and_reply;
  Race death_and_lease;
  Race stop_and_start;
  std::vector<PlannedNote> planned;
  std::uint32_t serving_at_end = 0;  // workers, when the calm was over
  std::string trace;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, const SimulationOptions& options);
  [[nodiscard]] SimulationReport run();

 private:
  static constexpr std::int32_t no_fault = -1;
  // A client has one ticket at a time, so its number is the ticket's index too.
  struct Client {
    pool::core::TicketId ticket;
    bool open = false;
    bool granted = false;      // a driver is talking to a worker for it
    std::uint64_t grants = 0;  // tells what was planned for an earlier grant
    pool::core::Instant deadline{};
    pool::core::WorkerId worker;
    std::uint32_t slot = 0;
    pool::core::WireProgress progress{};  // what has been written if it is interrupted now
    pool::core::Instant late_reply = pool::core::never;  // when the worker will have answered
    bool violates = false;       // that answer will be none that the pool understands
    bool reply_in_pipe = false;  // its worker answered before it died
    bool lease = false;
    std::uint32_t pauses = 0;
    std::uint32_t session = pool::core::no_session;
  };
  struct Process {
    pool::core::WorkerId id;
    bool alive = false;  // as a process; the core may not know yet
    bool stubborn = false;
    bool ready = false;
    bool hangs = false;   // answers nothing any more
    bool locked = false;  // with a request, in a lock cycle
    std::uint64_t trace = 0;
    bool owes = false;  // a reply that nobody awaits any more
    std::uint64_t rss_kib = 0;
    std::int32_t fault = no_fault;  // the planned one it suffers from
    std::uint32_t fault_left = 0;   // replies
    pool::core::Instant fault_began{};
  };

  // simulation.cpp: time, clients, checks
  void feed(const pool::core::Event& event);
  void perform(const pool::core::Action& action);
  void check();
  void step();
  void happen(const Happening& h);
  void submit(std::uint32_t client);
  void resolved(const pool::core::action::Resolve& a);
  [[nodiscard]] pool::RetryPolicy draw_policy();
  void draw_session(pool::core::event::Submitted& submitted, Client& client);
  [[nodiscard]] pool::core::CircuitId draw_circuit();
  void order_circuit();
  void operate();
  void go_home();
  void begin_calm();
  void stop();
  void stop_again();
  void fail(const std::string& why);
  [[nodiscard]] bool over() const;
  [[nodiscard]] bool looks_closely() const;

  // workers.cpp: processes, and the drivers that talk to them
  void spawn(const pool::core::action::Spawn& a);
  void grant(const pool::core::action::Grant& a);
  void plan_exchange(std::uint32_t client);
  void plan_violation(std::uint32_t number, pool::core::Instant at, pool::ErrorCode code);
  void plan_race(std::uint32_t client, pool::core::Instant at);
  void race(const Happening& h);
  void interrupt(const pool::core::action::Interrupt& a);
  void drain(const pool::core::action::Drain& a);
  void probe(const pool::core::action::Probe& a);
  void look(const pool::core::action::Look& a);
  void see(const Happening& h);
  void dump(const pool::core::action::DumpStacks& a);
  void leave(pool::core::WorkerId worker, bool forced);
  void die(const Happening& h);
  void end_exchange(const Happening& h);
  void measure(pool::core::WorkerId worker);
  void plan_end(std::uint32_t client, pool::core::Instant at, pool::core::ExchangeVerdict verdict,
                pool::core::WireProgress progress, pool::ErrorCode code = pool::ErrorCode::none);
  [[nodiscard]] bool draw(std::uint32_t parts);  // a fault; none in the calm
  [[nodiscard]] pool::core::Duration up_to(pool::core::Duration longest);
  [[nodiscard]] Process* find(pool::core::WorkerId worker);

  // planned.cpp: faults by a schedule
  void plan_faults();
  void strike(std::uint32_t fault);
  void relieve(std::uint32_t fault);
  void end_planned_faults();
  void note(std::uint32_t fault, PlannedNote::What what, std::uint64_t worker);
  [[nodiscard]] std::vector<std::size_t> targets_of(const PlannedFault& fault);
  [[nodiscard]] bool may_strike(std::uint32_t fault) const;
  [[nodiscard]] std::uint64_t grant_of(const Process& process) const;
  [[nodiscard]] pool::core::Instant frozen_until(const Process& process) const;
  [[nodiscard]] bool put_off(const Happening& h, pool::core::WorkerId worker);
  [[nodiscard]] bool is_silent(Process& process);
  [[nodiscard]] bool damage(std::uint32_t client, Process& process, pool::core::Instant then);
  [[nodiscard]] bool spoil_start(const Process& process, pool::core::Instant then);

  const std::uint64_t seed_;
  const SimulationOptions options_;
  pool::core::Random random_;
  pool::core::Core core_;
  CoreOracle oracle_;
  Agenda agenda_;
  pool::core::Instant now_{};
  std::vector<Client> clients_;
  std::vector<Process> processes_;          // by worker index
  std::vector<std::uint64_t> last_worker_;  // by session
  std::uint64_t last_serial_ = 0;
  std::uint64_t last_grant_ = 0;
  std::uint64_t serials_max_ = 0;        // of this phase
  std::vector<std::uint64_t> circuits_;  // serials, by key
  std::uint64_t last_circuit_ = 0;
  std::uint64_t last_generation_ = 1;
  std::uint32_t starts_fault_ = 0;
  std::vector<bool> struck_;  // by planned fault
  std::uint32_t planned_active_ = 0;
  std::uint32_t starts_left_ = 0;  // of a planned fault
  std::uint32_t alive_ = 0;
  std::uint32_t wakes_in_a_row_ = 0;
  std::uint32_t clients_at_home_ = 0;  // have nothing more to ask in this phase
  bool calm_ = false;
  bool stop_sent_ = false;
  bool stopped_ = false;
  bool circuit_was_open_ = false;
  SimulationReport report_;
};

}  // namespace ordeal::trial

// How any pool is put on trial: an adapter of five functions (PoolUnderTest), and a worker program
// that can play (python_mock/ordeal_worker/zoo/stage.py says what is spoken, in ten lines).
//
//     class MyPool : public ordeal::trial::PoolUnderTest { ... };
//     auto report = run_contract([] { return World{.stage = make_stage(), .pool = ...}; });
//
// The stage is where the workers act: it knows which request each has in hand, and tells them what
// to do. Among processes it is a Unix socket (real_stage.hpp); in virtual time, the simulator.
//
// Thread safety: the adapter is called from one thread; what it calls back (outcomes, `stopped`)
// may come from any thread, also before submit() or stop() has returned.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "testing/contract/scenario.hpp"

namespace ordeal::trial {

// What a pool says it can do. A scenario that needs more is skipped, and the report says so.
enum class Capability : std::uint8_t {
  cancel,
  deadlines,         // a request may bring one
  queue_bound,       // Setup::queue_max
  replaces_workers,  // a dead worker is replaced
  error_replies,     // a worker can answer with an error
  late_reply_grace,  // Setup::late_reply_grace
  packet4,           // speaks Ordeal's wire: the faults of the stream can be played
  scripted_starts,   // Setup::starts
  overflow,
  retries,
  breaker,
  sessions,
  programs,             // the workers are DSPex bridges
  counts,               // counts() says how often what happened
  events,               // says `told` what it decides about a request
  counts_attempts,      // TrialOutcome::attempts
  drains_late_replies,  // keeps a worker that is late, instead of replacing it
};
inline constexpr std::uint8_t capability_count =
    static_cast<std::uint8_t>(Capability::drains_late_replies) + 1;
[[nodiscard]] std::string to_string(Capability capability);
[[nodiscard]] std::vector<Capability> all_capabilities();
[[nodiscard]] std::vector<Capability> needs_of(const Scenario& scenario);

struct TrialRequest {
  std::string name;       // of the ticket
  std::string command;    // play; or a DSPex command
  std::string arguments;  // a JSON object
  milliseconds deadline = ample;
  bool idempotent = false;
  std::uint32_t retries = 0;
  milliseconds retry_delay{1};
  std::string session;
  pool::AffinityPolicy affinity = pool::AffinityPolicy::none;
  std::uint64_t state_in_worker = 0;  // TrialOutcome::worker of an earlier ticket
  std::string breaker_key;
};

// In the vocabulary of the reference pool's errors; pool/README.md has the table of codes.
struct TrialOutcome {
  std::string code = "ok";
  std::string category;
  bool indeterminate = false;  // it may have happened
  std::uint32_t attempts = 1;
  std::string reply;  // JSON text
  std::string message;
  std::uint64_t worker = 0;  // in the pool's own words
};

// With category and certainty as the table says.
[[nodiscard]] TrialOutcome failed_with(pool::ErrorCode code, std::string message);

struct TrialCounts {
  std::uint64_t submitted = 0;
  std::uint64_t ok = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t rejected = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t failed = 0;
  std::uint64_t retries = 0;
  std::uint64_t workers_lost = 0;
  std::uint64_t late_replies_drained = 0;
};

class PoolUnderTest {
 public:
  using OnOutcome = std::function<void(TrialOutcome)>;
  using OnTold = std::function<void(std::string what, std::string ticket)>;

  virtual ~PoolUnderTest() = default;
  [[nodiscard]] virtual std::vector<Capability> capabilities() const = 0;
  // Empty: it runs. Where the starts are scripted to go wrong it does not wait for the workers.
  // `on_told`: Capability::events.
  [[nodiscard]] virtual std::string start(const Setup& setup, OnTold on_told) = 0;
  // Returns at once, a number for cancel(). on_outcome is called once.
  virtual std::uint64_t submit(const TrialRequest& request, OnOutcome on_outcome) = 0;
  virtual void cancel(std::uint64_t /*ticket*/) {}
  // Returns at once. No new work; what runs may end within `grace`. `stopped` is called when no
  // worker is left and each outcome has been told.
  virtual void stop(milliseconds grace, std::function<void()> stopped) = 0;
  [[nodiscard]] virtual std::optional<TrialCounts> counts() { return std::nullopt; }
  [[nodiscard]] virtual std::string describe() { return {}; }  // for messages
};

namespace news {
// A worker has the ticket in hand, and waits to be told what to do.
struct Arrived {
  std::uint64_t arrival = 0;
  std::string ticket;
  std::uint64_t worker = 0;  // the stage's number for the process
};
struct Ended {
  std::string ticket;
  TrialOutcome outcome;
};
struct Gone {
  std::uint64_t worker = 0;
};
struct Told {
  std::string what;
  std::string ticket;
};
struct Stopped {};
}  // namespace news
using News = std::variant<news::Arrived, news::Ended, news::Gone, news::Told, news::Stopped>;

class Stage {
 public:
  virtual ~Stage() = default;
  [[nodiscard]] virtual std::string address() const = 0;  // goes into each play's arguments
  virtual void post(News news) = 0;                       // from any thread
  // The next that happens; empty: nothing did, for so long.
  [[nodiscard]] virtual std::optional<News> next(milliseconds patience) = 0;
  virtual void play(std::uint64_t arrival, const Act& act) = 0;
  virtual void kill(std::uint64_t worker) = 0;
  virtual void reach(milliseconds from_now) = 0;  // what happens meanwhile is kept for next()
  [[nodiscard]] virtual std::string name_of(std::uint64_t worker) const = 0;  // "process 812"
  // A promise of the pool's that the stage itself saw broken.
  [[nodiscard]] virtual std::string broken() const { return {}; }
};

// One pool and its stage. The pool is destroyed first.
struct World {
  std::shared_ptr<Stage> stage;
  std::shared_ptr<PoolUnderTest> pool;
};
using MakeWorld = std::function<World()>;

}  // namespace ordeal::trial

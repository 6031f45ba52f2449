// A scenario: what is done to a pool, and what must come of it, as data.
//
// Nothing in it waits for a time. A request that is `held` stays in its worker's hand until the
// scenario releases it; a step waits for an event (`in_hand`, `outcome`, `gone` ...), or moves the
// clock to a named deadline (`reach`). So the same scenario runs in virtual time and among
// processes, and must give the same outcomes (invariant 57).
//
//     {.family = "calls",
//      .name = "TheSecondWaitsForTheFirst",
//      .tickets = {{.name = "a", .acts = {held()}}, {.name = "b"}},
//      .steps = {submit("a"), in_hand("a"), submit("b"), release("a"), outcome("b")}},
//
// What is not said has a default that is usual: each ticket ends ok at its first attempt, outcomes
// come in the order of the tickets, no worker is lost; afterwards the pool takes as many requests
// at once as it has workers ("calm"), stops, and leaves no process. A field whose value may differ
// between runs is left open with a reason (`open`); a test keeps those to one in twenty.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ordeal/pool/affinity.hpp"

namespace ordeal::trial {

using std::chrono::milliseconds;

// Deadlines that a scenario means to see pass, and those that it does not. What is shorter than a
// second is stretched where the machine turns out to be too slow for it.
inline constexpr milliseconds soon{150};
inline constexpr milliseconds ample{60'000};

// What a worker does with a request: a command of the zoo (python_mock/README.md).
struct Act {
  std::string command = "echo";
  std::string arguments = {};  // JSON object; of echo by default: names the ticket
  bool held = false;           // not before it is released
};
[[nodiscard]] Act held(std::string command = "echo", std::string arguments = {});
[[nodiscard]] Act act(std::string command, std::string arguments = {});

// Why a field is not compared.
struct Open {
  std::string field;  // code, attempts, runs, worker; of the scenario: order, hands, lost ...
  std::string reason;
};

struct Expected {
  std::string code = "ok";  // or a name from the table of error codes
  std::uint32_t attempts = 1;
  std::optional<std::uint32_t> runs = {};  // times that a worker had it in hand; empty: attempts
  std::optional<bool> indeterminate = {};  // empty: as the table says of the code
  std::string same_worker_as = {};         // that had this ticket in hand last
  std::string other_worker_than = {};
  std::string answer = {};  // of a program
  std::vector<Open> open = {};
};
[[nodiscard]] Expected fails(std::string code, std::uint32_t attempts = 1);
[[nodiscard]] Expected refused(std::string code);  // no worker has seen it

struct TicketSpec {
  std::string name;
  std::string client = "client";
  std::vector<Act> acts = {{}};  // of each attempt; beyond the end, the last
  std::optional<milliseconds> deadline = {};
  bool idempotent = false;
  std::uint32_t retries = 0;
  milliseconds retry_delay{1};
  std::string session = {};
  pool::AffinityPolicy affinity = pool::AffinityPolicy::none;
  std::string state_of = {};  // relies on what this ticket left in its worker
  std::string breaker_key = {};
  std::string question = {};  // asks a program, instead of a play
  std::uint32_t padding = 0;  // bytes more in the arguments
  std::string raw = {};       // these arguments instead, right or wrong
  Expected expect = {};
};

struct Step {
  enum class Kind : std::uint8_t {
    submit,
    cancel,
    in_hand,  // until a worker has the ticket (for the count-th time)
    release,  // the worker may go on
    outcome,  // until the ticket's is known
    told,     // until the pool says that of the ticket
    kill,     // SIGKILL to the worker that had the ticket last
    gone,     // until that worker's process has ended
    reach,    // the clock goes on by so much, to a deadline that has a name
    stop,
    stopped,  // until the stop is over
  };
  Kind kind{};
  std::string who = {};
  std::string what = {};
  std::uint32_t count = 1;
  milliseconds time{0};
};
[[nodiscard]] Step submit(std::string ticket);
[[nodiscard]] Step cancel(std::string ticket);
[[nodiscard]] Step in_hand(std::string ticket, std::uint32_t count = 1);
[[nodiscard]] Step release(std::string ticket);
[[nodiscard]] Step outcome(std::string ticket);
[[nodiscard]] Step told(std::string event, std::string ticket);
[[nodiscard]] Step kill_worker_of(std::string ticket);
[[nodiscard]] Step gone(std::string ticket);
[[nodiscard]] Step reach(std::string deadline, milliseconds from_now);
[[nodiscard]] Step stop(milliseconds grace);
[[nodiscard]] Step stopped();
[[nodiscard]] std::string in_words(const Step& step);  // "submit b"

// How the workers' starts go.
struct Starts {
  enum class How : std::uint8_t {
    fine,
    fail_first,  // the first `count`
    fail,        // all
    hang,
    garbage,  // instead of the handshake's answer
  };
  How how = How::fine;
  std::uint32_t count = 0;
};

struct BreakerSetup {
  std::uint32_t failures = 2;  // in a row, to open
  std::uint32_t successes = 1;
  std::uint32_t half_open_max = 1;
  milliseconds open = ample;
};

struct Setup {
  std::uint32_t size = 1;
  std::uint32_t overflow = 0;
  std::uint32_t queue_max = 100;
  milliseconds late_reply_grace = ample;
  milliseconds affinity_wait = ample;
  milliseconds start_timeout = ample;
  Starts starts = {};
  std::uint32_t start_failures_max = 2;
  std::uint32_t poison_deaths_max = 3;
  std::uint32_t retry_budget = 100;  // retries saved up
  std::optional<BreakerSetup> breaker = {};
};

struct Scenario {
  std::string family;
  std::string name;
  Setup setup = {};
  std::vector<TicketSpec> tickets;
  std::vector<Step> steps;
  std::vector<std::string> order = {};  // of outcomes; empty: of `tickets`
  std::vector<std::string> hands = {};  // of arrivals in workers' hands; empty: of `tickets`
  std::uint32_t lost = 0;               // workers
  std::uint32_t drained = 0;            // late replies
  std::uint32_t retries = 0;
  bool calm = true;  // the pool is as good as new afterwards
  std::vector<Open> open = {};
};

// All scenarios of the contract, by family. To add one: scenarios_<family>.cpp.
[[nodiscard]] const std::vector<Scenario>& contract();

[[nodiscard]] const TicketSpec& ticket_of(const Scenario& scenario, const std::string& name);
[[nodiscard]] std::vector<std::string> expected_order(const Scenario& scenario);
[[nodiscard]] std::vector<std::string> expected_hands(const Scenario& scenario);
[[nodiscard]] std::uint32_t expected_runs(const TicketSpec& ticket);
// How many fields are compared at most, and which are left open.
[[nodiscard]] std::size_t fields_of(const Scenario& scenario);
[[nodiscard]] std::vector<Open> open_fields(const Scenario& scenario);
[[nodiscard]] bool is_open(const std::vector<Open>& open, const std::string& field);

}  // namespace ordeal::trial

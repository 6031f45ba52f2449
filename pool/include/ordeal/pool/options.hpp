// Everything a pool can be told when it starts: one plain struct, and what reads, checks and prints
// it.
//
//     Options options;
//     options.command = {"python3", "worker.py"};
//     options.size = 8;
//     auto pool = Pool::start(options);                       // validates
//
// or from a file and a command line:
//
//     auto options = options_from_toml(text, "pool.toml");    // unknown names are refused
//     set_option(*options, "queue_max", "200");               // --set queue_max=200
//
// One table (pool/options/table.cpp) holds each option's name, range and sentence; validation,
// TOML,
// --set, printing and the README's list are all made from it. In text a duration's name ends with
// its unit: the member `start_timeout` is read and printed as `start_timeout_ms`.
//
// Thread safety: a value type. All functions here are pure.
//
// To add an option: a member here, a row in table.cpp, `describe_options()` pasted into the README
// (a test compares), and a case in tests/options_test.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/affinity.hpp"
#include "ordeal/pool/breaker.hpp"
#include "ordeal/pool/error.hpp"
#include "ordeal/pool/health.hpp"
#include "ordeal/pool/retry.hpp"

namespace ordeal::pool {

// What Pool::start waits for before it returns.
enum class AwaitReady : std::uint8_t {
  all,   // `size` workers are ready
  one,   // the first worker is ready
  none,  // nothing: workers start behind the first calls
};

// How a blocking caller waits for its worker's reply.
enum class SpinMode : std::uint8_t {
  off,       // always sleeps in the kernel
  adaptive,  // polls briefly where recent replies of this worker were quick, else sleeps
};

// What a worker is given besides its life: the defaults of the options that are not set.
enum class WorkerKind : std::uint8_t {
  basic,     // it is started, used, replaced when it dies
  enhanced,  // health checks, too
};

struct Options {
  // The worker.
  WorkerKind worker_kind = WorkerKind::basic;  // with_defaults() says what follows
  std::vector<std::string> command;  // program and arguments; "{worker_id}" in them is replaced
  std::string working_directory;     // empty: the host's
  // Names of the host's environment variables that workers get, where set; nothing else is passed.
  std::vector<std::string> environment_allow = {"PATH", "HOME",   "LANG",       "LC_ALL",
                                                "TZ",   "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV"};
  std::map<std::string, std::string> environment;  // set for workers; wins over environment_allow

  // How many, and who waits.
  std::uint32_t size = 4;                 // workers kept
  std::uint32_t overflow = 0;             // further workers while callers wait
  std::uint32_t queue_max = 1000;         // requests waiting at most; the next gets queue_full
  std::uint32_t starts_parallel_max = 4;  // workers starting at once
  std::uint32_t start_failures_max = 3;   // in a row, before waiters get workers_unavailable
  std::uint32_t slots_max = 1;            // a worker's declared slots are clamped to this
  std::uint32_t history_max = 32;         // lifecycle entries kept for each worker
  AwaitReady await_ready = AwaitReady::all;

  // Fork workers in milliseconds from a warm process that has done the imports, if the worker
  // program is built on ordeal_worker and has one thread; else they start cold, and status says
  // why.
  bool fork_template = false;
  std::uint32_t warm_spares = 0;  // forked workers held ready beyond `size`

  // How long.
  // From spawn to ready, or from one report of progress to the next (start_extensions_max).
  std::chrono::milliseconds start_timeout{60'000};          // an import of 30 s is no failure
  std::chrono::milliseconds overflow_idle_timeout{30'000};  // then an idle overflow worker retires
  std::chrono::milliseconds quarantine_grace{500};    // a late reply is awaited so long, then kill
  std::chrono::milliseconds ask_grace{1'000};         // from "please stop" to SIGTERM
  std::chrono::milliseconds terminate_grace{1'000};   // from SIGTERM to SIGKILL
  std::chrono::milliseconds start_backoff_base{100};  // pause after the first failed start
  std::chrono::milliseconds start_backoff_max{10'000};  // the pause doubles up to this
  std::chrono::milliseconds call_timeout{60'000};       // a call's deadline if it brings none
  std::chrono::milliseconds stop_grace{5'000};  // the destructor lets running calls finish so long

  // The wire and the hot path.
  std::uint64_t frame_bytes_max = 64ULL << 20;   // larger frames are refused before allocation
  std::uint64_t stderr_bytes_max = 64ULL << 10;  // last bytes of each worker's stderr, kept
  SpinMode spin = SpinMode::adaptive;
  std::uint32_t spin_max_us = 200;  // longest spin of one call
  // A worker that can, looks so long after a reply for its next request before it sleeps, while
  // that pays; 0: it sleeps at once. For few workers on many CPUs: halves the time of a short call
  // whose caller calls again at once, and takes a CPU a worker meanwhile.
  std::uint32_t worker_spin_us = 0;

  // Diagnosis.
  std::optional<std::uint64_t> seed;  // of jitter and choices; empty: drawn at start and logged
  std::string record_file;            // the core's inputs, for replay; empty: off
  std::uint64_t record_bytes_max = 64ULL << 20;  // recording stops there, and says so
  bool log_payloads = false;  // excerpts of arguments and answers in events; personal data!
  std::string name = "pool";  // in logs and events

  // Sessions.
  std::string session_store = "memory";              // or "sqlite:PATH", which survives the host
  std::chrono::milliseconds session_ttl{3'600'000};  // a session not used for so long expires

  // Which worker the calls of a session go to (affinity.hpp).
  AffinityPolicy affinity = AffinityPolicy::none;  // of calls that bring none
  std::chrono::milliseconds affinity_wait{100};    // prefer: for the bound worker, if it is busy
  std::chrono::milliseconds affinity_timeout{300'000};  // a binding not used for so long ends
  std::uint32_t affinity_bindings_max = 10'000;         // the oldest unused one beyond this ends

  // Retries: the policy of calls that bring none (retry.hpp), and what bounds all of them.
  struct Retry {
    std::uint32_t max_retries = 0;
    Backoff backoff = Backoff::exponential;
    std::chrono::milliseconds base_delay{1'000};
    std::chrono::milliseconds max_delay{30'000};
    std::vector<std::chrono::milliseconds> delays;  // of Backoff::custom
    std::uint32_t jitter_percent = 25;
    std::uint32_t budget_percent = 20;     // retries earned by a hundred requests
    std::uint32_t budget_max = 100;        // retries saved up at most; so many at the start
    std::uint32_t budget_per_second = 10;  // retries afforded whatever the traffic
    std::uint32_t poison_deaths_max = 3;   // workers that may not survive one request
    [[nodiscard]] RetryPolicy policy() const {
      RetryPolicy policy{.max_retries = max_retries,
                         .backoff = backoff,
                         .jitter_percent = static_cast<std::uint8_t>(jitter_percent),
                         .base_delay = base_delay,
                         .max_delay = max_delay};
      for (const std::chrono::milliseconds delay : delays) policy.delays.add(delay);
      return policy;
    }
    friend bool operator==(const Retry&, const Retry&) = default;
  } retry;

  // Health (pool/core/README.md). Not set: as worker_kind says.
  std::optional<std::chrono::milliseconds> health_interval;  // idle workers are pinged; 0: never
  std::chrono::milliseconds health_timeout{5'000};           // for the answer
  std::uint32_t health_failures_max = 3;       // in a row, calls not answered in time included
  StuckKill stuck_kill = StuckKill::proved;    // of busy workers that are found stuck
  std::chrono::milliseconds stack_grace{250};  // to write its stacks down, before such a kill
  std::uint32_t start_extensions_max = 4;  // start_timeouts more for a start that reports progress
  // Circuit breakers (breaker.hpp).
  struct Breaker {
    bool enabled = false;
    BreakerKey key = BreakerKey::command;
    BreakerRule rule = BreakerRule::consecutive;
    std::uint32_t failures = 5;                   // consecutive: in a row, to open
    std::uint32_t successes = 3;                  // of trials, to close
    std::uint32_t half_open_max = 3;              // trials at once
    std::chrono::milliseconds half_open{60'000};  // then undecided trials open it again
    std::chrono::milliseconds open{60'000};
    std::chrono::milliseconds open_max{600'000};  // growth and jitter included
    std::uint32_t open_growth_percent = 100;      // each time that a trial fails
    std::uint32_t open_jitter_percent = 0;
    std::uint32_t window_calls = 100;          // call_rate
    std::chrono::milliseconds window{10'000};  // time_rate, forgotten in so many slices
    std::uint32_t window_slices = 10;
    std::uint32_t min_calls = 20;  // in the window, before a rate counts
    std::uint32_t failure_percent = 50;
    std::chrono::milliseconds slow_call{0};  // so long or longer is slow; 0: none is
    std::uint32_t slow_percent = 100;
    // Types of worker's own errors (ApplicationError::type) that say nothing about the worker. What
    // Python raises for arguments of the wrong kind is the caller's; a plain string, the worker's.
    std::vector<std::string> caller_errors = {
        "UnknownCommand",   "MalformedRequest", "InvalidArgument", "MissingArgument",
        "MissingInput",     "ProgramExists",    "ProgramNotFound", "WrongProgramKind",
        "UnsupportedModel", "DeadlineExceeded", "Cancelled",       "ValidationError",
        "ValueError",       "TypeError",        "KeyError",        "NotFound",
        "BadRequest"};
    std::uint32_t circuits_max = 1024;
    friend bool operator==(const Breaker&, const Breaker&) = default;
  } breaker;

  // Workers that are replaced while they serve: another is ready before they go, none goes in the
  // middle of a request. All reasons, drain_worker() and roll() included, share one bound.
  std::uint32_t replace_parallel_max = 1;
  std::uint64_t retire_after_requests = 0;    // answered by a worker; 0: never
  std::chrono::milliseconds retire_after{0};  // it got ready; 0: never
  std::uint32_t retire_stagger_percent = 25;  // of those two: up to so much earlier, drawn
  std::uint64_t retire_rss_max_kib = 0;       // resident memory; 0: never
  std::uint64_t retire_rss_growth_kib = 0;    // for each 100 requests; 0: never
  std::uint64_t retire_rss_window = 1'000;    // requests over which growth is measured
  std::chrono::milliseconds retire_rss_interval{5'000};  // memory is looked at so often

  // Against overload; each is off by default.
  bool reject_late = false;  // deadline_unreachable, rather than an answer behind the deadline
  std::chrono::milliseconds shed_target{0};      // a wait that is fine; 0: nobody is shed
  std::chrono::milliseconds shed_interval{100};  // a queue in which nobody waits less stands
  struct Limit {  // of requests in the pool at once: as many as can be answered in good time
    std::uint32_t max = 0;  // 0: no such limit, but queue_max
    std::uint32_t min = 1;
    std::uint32_t tolerance_percent = 200;  // of the time in a worker: from submit to answer
    friend bool operator==(const Limit&, const Limit&) = default;
  } limit;
  struct Outliers {  // workers that stand out from the others get no work for a while
    std::chrono::milliseconds interval{0};   // they are compared so often; 0: never
    std::chrono::milliseconds time{30'000};  // out for so long, times how often in a row
    std::chrono::milliseconds time_max{300'000};
    std::uint32_t requests_min = 20;     // answered in the interval; fewer are no evidence
    std::uint32_t failure_percent = 50;  // and more than twice as often as the others
    std::uint32_t slow_percent = 300;    // of the others' mean time for an answer; 0: no matter
    std::uint32_t share_percent = 50;    // of the healthy workers, that may be out at once
    std::uint32_t healthy_min = 1;       // so many are never out
    friend bool operator==(const Outliers&, const Outliers&) = default;
  } outliers;
  std::chrono::milliseconds lease_limit{0};  // a lease held for longer is reported; 0: none is

  friend bool operator==(const Options&, const Options&) = default;
};

// Checks each value against its range, then the rules between options; the first that fails is the
// error: invalid_option. Messages name the option, the value and what is allowed:
// "option queue_max: 0 is out of range, allowed 1 to 1000000".
[[nodiscard]] Result<void> validate(const Options& options);

// The same options with those that are not set as worker_kind has them. Pool::start does it.
[[nodiscard]] Options with_defaults(Options options);

// Reads options from TOML; those not named keep their defaults. Every value is checked by itself;
// rules between options are left to validate(), since a command line may still add to them.
// Errors: invalid_option, beginning with "file_name:line: ".
[[nodiscard]] Result<Options> options_from_toml(std::string_view text, std::string_view file_name);

// Sets one option from a command line's text: --set name=value. Lists and tables are written as in
// TOML (["python3", "worker.py"]); `environment.NAME` sets one variable. On error nothing changed.
[[nodiscard]] Result<void> set_option(Options& options, std::string_view name,
                                      std::string_view text);

// Every option with its effective value, as TOML that options_from_toml() reads back to the
// same Options. It holds the values of `environment` in full.
// REQUIRES: each value is valid by itself (validate() is happy, or only a rule between options is
// not).
[[nodiscard]] std::string to_toml(const Options& options);

// The list of all options as a Markdown table: name, default, allowed values, meaning.
[[nodiscard]] std::string describe_options();

}  // namespace ordeal::pool

// The rows: one for each option, in the order of options.hpp.
#include "pool/options/table.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "pool/core/names.hpp"
#include "pool/options/breaker_rows.hpp"
#include "pool/options/rows.hpp"

namespace ordeal::pool::options {
namespace {

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = 1024 * kib;
constexpr std::int64_t gib = 1024 * mib;
constexpr std::int64_t minute_ms = 60'000;
constexpr std::int64_t day_ms = 24 * 60 * minute_ms;

constexpr std::array<std::string_view, 3> await_ready_names{"all", "one", "none"};
constexpr std::array<std::string_view, 2> worker_kind_names{"basic", "enhanced"};
constexpr const auto& backoff_names = core::Names<Backoff>::all;
constexpr const auto& affinity_names = core::Names<AffinityPolicy>::all;
constexpr const auto& stuck_kill_names = core::Names<StuckKill>::all;
constexpr std::array<std::string_view, 2> spin_names{"off", "adaptive"};

constexpr Descriptor variable_names(Descriptor row) {
  row.names = true;
  return row;
}

constexpr Descriptor seed_row{
    .name = "seed",
    .kind = Kind::seed,
    .unit = {},
    .min = 0,
    .max = 0,
    .choices = {},
    .names = false,
    .get = [](const Options& o) { return o.seed ? Value{*o.seed} : Value{}; },
    .set =
        [](Options& o, const Value& v) {
          if (const auto* number = std::get_if<std::uint64_t>(&v))
            o.seed = *number;
          else
            o.seed.reset();
        },
    .doc = "of jitter and choices; not given: drawn at start and logged"};

constexpr Descriptor retry_delays_row{
    .name = "retry.delays_ms",
    .kind = Kind::numbers,
    .unit = "ms",
    .min = 0,
    .max = 60 * 60 * 1000,
    .choices = {},
    .names = false,
    .get = [](const Options& o) -> Value {
      Numbers numbers;
      for (const auto delay : o.retry.delays) numbers.push_back(delay.count());
      return numbers;
    },
    .set =
        [](Options& o, const Value& v) {
          o.retry.delays.clear();
          for (const std::int64_t n : std::get<Numbers>(v)) o.retry.delays.emplace_back(n);
        },
    .doc = "delays of the `retry.backoff` custom, one after the other; beyond them the last"};

using O = Options;
using R = Options::Retry;

// Bounds are there to catch slips of the keyboard and of units, not to limit what a machine can do:
// 1024 workers is far beyond one host of Python processes, a day beyond any call worth waiting for.
constexpr std::array rows{
    choice<worker_kind_names, &O::worker_kind>(
        "worker_kind", "defaults of what is not given: `enhanced` has health checks every 30 s"),
    plain<&O::command>("command", Kind::list, 1, 1000,
                       "program and arguments of a worker; `{worker_id}` in them is replaced"),
    plain<&O::working_directory>("working_directory", Kind::text, 0, 4096,
                                 "where workers start; empty: the host's"),
    variable_names(plain<&O::environment_allow>(
        "environment_allow", Kind::list, 0, 1000,
        "variables of the host that workers get, where set; nothing else is passed")),
    variable_names(plain<&O::environment>(
        "environment", Kind::table, 0, 1000,
        "variables set for workers; they win over those of `environment_allow`")),

    number<&O::size>("size", "", 1, 1024, "workers kept"),
    number<&O::overflow>("overflow", "", 0, 1023, "further workers while callers wait"),
    number<&O::queue_max>("queue_max", "", 1, 1'000'000,
                          "requests waiting at most; the next gets `queue_full`"),
    number<&O::starts_parallel_max>("starts_parallel_max", "", 1, 1024, "workers starting at once"),
    number<&O::start_failures_max>(
        "start_failures_max", "", 1, 1000,
        "failed starts in a row before waiters get `workers_unavailable`"),
    number<&O::slots_max>("slots_max", "", 1, 256,
                          "requests a worker may take at once, if it declares more"),
    number<&O::history_max>("history_max", "", 1, 10'000, "lifecycle entries kept for each worker"),
    choice<await_ready_names, &O::await_ready>("await_ready",
                                               "the workers that `Pool::start` waits for"),

    plain<&O::fork_template>("fork_template", Kind::boolean, 0, 1,
                             "fork workers from a warm process that has done the imports"),
    number<&O::warm_spares>("warm_spares", "", 0, 1024,
                            "forked workers held ready beyond `size`; needs `fork_template`"),

    duration<&O::start_timeout>("start_timeout_ms", 1, day_ms,
                                "from spawn to ready; a slower start is killed"),
    duration<&O::overflow_idle_timeout>("overflow_idle_timeout_ms", 1, day_ms,
                                        "an overflow worker idle for so long retires"),
    duration<&O::quarantine_grace>("quarantine_grace_ms", 0, 60 * minute_ms,
                                   "a late reply is awaited so long, then its worker is killed"),
    duration<&O::ask_grace>("ask_grace_ms", 0, 60 * minute_ms,
                            "from asking a worker to stop to SIGTERM"),
    duration<&O::terminate_grace>("terminate_grace_ms", 0, 60 * minute_ms,
                                  "from SIGTERM to SIGKILL"),
    duration<&O::start_backoff_base>("start_backoff_base_ms", 1, 60 * minute_ms,
                                     "pause after the first failed start"),
    duration<&O::start_backoff_max>("start_backoff_max_ms", 1, 60 * minute_ms,
                                    "the pause doubles with each failure up to this"),
    duration<&O::call_timeout>("call_timeout_ms", 1, day_ms, "deadline of a call that brings none"),
    duration<&O::stop_grace>("stop_grace_ms", 0, 60 * minute_ms,
                             "the destructor lets running calls finish for so long"),

    number<&O::frame_bytes_max>("frame_bytes_max", "bytes", kib, gib,
                                "larger frames are refused, before allocation"),
    number<&O::stderr_bytes_max>("stderr_bytes_max", "bytes", kib, 16 * mib,
                                 "last bytes kept of each worker's stderr"),
    choice<spin_names, &O::spin>("spin", "how a caller waits for replies that come quickly"),
    number<&O::spin_max_us>("spin_max_us", "us", 1, 10'000, "longest spin of one call"),
    number<&O::worker_spin_us>("worker_spin_us", "us", 0, 10'000,
                               "a worker looks so long for its next request; 0: it sleeps at once"),

    seed_row,
    plain<&O::record_file>("record_file", Kind::text, 0, 4096,
                           "file for the core's inputs, for replay; empty: off"),
    number<&O::record_bytes_max>("record_bytes_max", "bytes", 4 * kib, 16 * gib,
                                 "the recording stops there, and says so"),
    plain<&O::log_payloads>(
        "log_payloads", Kind::boolean, 0, 1,
        "events with excerpts of each call's arguments and answer, which may be "
        "personal data; never stderr"),
    plain<&O::name>("name", Kind::text, 1, 64, "in logs and events"),

    plain<&O::session_store>("session_store", Kind::text, 1, 4096,
                             "where sessions live: `memory`, or `sqlite:PATH` to survive the host"),
    duration<&O::session_ttl>("session_ttl_ms", 1, 366 * day_ms,
                              "a session that is not used for so long expires"),

    choice<affinity_names, &O::affinity>("affinity", "whether a session keeps to one worker"),
    duration<&O::affinity_wait>("affinity_wait_ms", 0, day_ms,
                                "`prefer`: wait for a busy worker before another is taken"),
    duration<&O::affinity_timeout>("affinity_timeout_ms", 1, 366 * day_ms,
                                   "a session unused for so long is bound to no worker any more"),
    number<&O::affinity_bindings_max>(
        "affinity_bindings_max", "", 1, 10'000'000,
        "sessions bound at once; beyond it the one unused for longest is unbound"),

    number<&O::retry, &R::max_retries>(
        "retry.max_retries", "", 0, 100,
        "how often a failed call is tried again, if it brings no policy"),
    choice<backoff_names, &O::retry, &R::backoff>("retry.backoff",
                                                  "how the delay grows from retry to retry"),
    duration<&O::retry, &R::base_delay>("retry.base_delay_ms", 0, 60 * minute_ms,
                                        "delay of the first retry"),
    duration<&O::retry, &R::max_delay>("retry.max_delay_ms", 0, 60 * minute_ms,
                                       "longest delay, jitter included"),
    retry_delays_row,
    number<&O::retry, &R::jitter_percent>("retry.jitter_percent", "", 0, 100,
                                          "a delay may be shorter or longer by so much of it"),
    number<&O::retry, &R::budget_percent>(
        "retry.budget_percent", "", 0, 100,
        "retries that a hundred requests earn for the whole pool"),
    number<&O::retry, &R::budget_max>("retry.budget_max", "", 0, 1'000'000,
                                      "retries saved up at most, and at the start"),
    number<&O::retry, &R::budget_per_second>("retry.budget_per_second", "", 0, 1'000'000,
                                             "retries afforded whatever the traffic"),
    number<&O::retry, &R::poison_deaths_max>(
        "retry.poison_deaths_max", "", 1, 100,
        "a request that so many workers did not survive is tried no more"),
    optional_duration<&O::health_interval>(
        "health_interval_ms", 0, day_ms,
        "idle workers are pinged so often; 0: never; not given: as `worker_kind` has it"),
    duration<&O::health_timeout>("health_timeout_ms", 1, 60 * minute_ms,
                                 "a ping not answered by then is a failure"),
    number<&O::health_failures_max>(
        "health_failures_max", "", 1, 100,
        "failures in a row before a worker is replaced; calls not answered in time count too"),
    choice<stuck_kill_names, &O::stuck_kill>(
        "stuck_kill",
        "which busy workers are killed, with health checks on: `proved`, whose process is stopped "
        "or in a lock cycle; `silent`, whose heartbeat has failed for an interval, too"),
    duration<&O::stack_grace>("stack_grace_ms", 0, minute_ms,
                              "before a worker is killed for what it does not do it may write its "
                              "stacks into its certificate; 0: killed at once"),
    number<&O::start_extensions_max>(
        "start_extensions_max", "", 0, 10'000,
        "a start that has reported progress within `start_timeout_ms` gets as much time again, so "
        "often at most"),

    number<&O::replace_parallel_max>(
        "replace_parallel_max", "", 1, 1024,
        "workers being replaced at once, for whatever reason: another is ready before one goes"),
    number<&O::retire_after_requests>("retire_after_requests", "", 0,
                                      std::numeric_limits<std::int64_t>::max(),
                                      "a worker is replaced after so many requests; 0: never"),
    duration<&O::retire_after>("retire_after_ms", 0, 366 * day_ms,
                               "a worker is replaced when it has been ready for so long; 0: never"),
    number<&O::retire_stagger_percent>("retire_stagger_percent", "", 0, 100,
                                       "`retire_after_requests` and `retire_after_ms` are shorter "
                                       "by up to so much, drawn for each "
                                       "worker"),
    number<&O::retire_rss_max_kib>("retire_rss_max_kib", "KiB", 0, 1024 * gib,
                                   "a worker with more resident memory is replaced; 0: never"),
    number<&O::retire_rss_growth_kib>(
        "retire_rss_growth_kib", "KiB", 0, gib,
        "a worker whose memory grows steadily by so much with each 100 requests is replaced; 0: "
        "never"),
    number<&O::retire_rss_window>("retire_rss_window", "", 4, 1'000'000'000,
                                  "requests over which `retire_rss_growth_kib` is measured"),
    duration<&O::retire_rss_interval>("retire_rss_interval_ms", 1, day_ms,
                                      "the memory of workers is looked at so often"),

    plain<&O::reject_late>("reject_late", Kind::boolean, 0, 1,
                           "a call whose answer would come behind its deadline, as the queue and "
                           "the mean service time are, gets `deadline_unreachable` at once"),
    duration<&O::shed_target>(
        "shed_target_ms", 0, 60 * minute_ms,
        "calls that waited twice as long are shed at their turn (`request_shed`), once the queue "
        "stands; 0: never; 5 to 10 % of the deadline is right"),
    duration<&O::shed_interval>("shed_interval_ms", 1, 60 * minute_ms,
                                "a queue stands if for so long nobody waited for `shed_target_ms` "
                                "or less; should be several calls long"),
    number<&O::limit, &Options::Limit::max>("limit.max", "", 0, 1'000'000,
                                            "the most that the adaptive limit of requests in the "
                                            "pool may become; beyond it a call gets "
                                            "`concurrency_limited`; 0: no such limit"),
    number<&O::limit, &Options::Limit::min>("limit.min", "", 1, 1'000'000,
                                            "the least that it may become"),
    number<&O::limit, &Options::Limit::tolerance_percent>(
        "limit.tolerance_percent", "", 100, 10'000,
        "from submit to answer may take so much of the time in a worker before it falls"),
    duration<&O::outliers, &Options::Outliers::interval>(
        "outliers.interval_ms", 0, day_ms,
        "workers are compared so often, and those that stand out get no work for a while; 0: "
        "never"),
    duration<&O::outliers, &Options::Outliers::time>("outliers.time_ms", 1, day_ms,
                                                     "for so long, times how often in a row"),
    duration<&O::outliers, &Options::Outliers::time_max>("outliers.time_max_ms", 1, day_ms,
                                                         "and no longer than that"),
    number<&O::outliers, &Options::Outliers::requests_min>(
        "outliers.requests_min", "", 1, 1'000'000,
        "its answers in the interval; with fewer, or if the others together have not a quarter as "
        "many, nothing is concluded"),
    number<&O::outliers, &Options::Outliers::failure_percent>(
        "outliers.failure_percent", "", 1, 100,
        "so many of its answers fail, and more than twice as many as the others'"),
    number<&O::outliers, &Options::Outliers::slow_percent>(
        "outliers.slow_percent", "", 0, 100'000,
        "or its answers take so much of the others' mean time; 0: no matter"),
    number<&O::outliers, &Options::Outliers::share_percent>(
        "outliers.share_percent", "", 0, 100,
        "of the healthy workers, no more than so many are out, those just chosen included"),
    number<&O::outliers, &Options::Outliers::healthy_min>("outliers.healthy_min", "", 1, 1024,
                                                          "so many healthy workers are never out"),
    duration<&O::lease_limit>(
        "lease_limit_ms", 0, day_ms,
        "a lease held for longer is reported, with the place that took it; 0: none is"),
};

template <std::size_t... Sizes>
constexpr auto join(const std::array<Descriptor, Sizes>&... parts) {
  std::array<Descriptor, (Sizes + ...)> all{};
  auto to = all.begin();
  ((to = std::copy(parts.begin(), parts.end(), to)), ...);
  return all;
}
constexpr auto all_rows = join(rows, breaker_rows);

}  // namespace

std::span<const Descriptor> descriptors() { return all_rows; }

const Descriptor* find(std::string_view name) {
  for (const Descriptor& row : all_rows)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace ordeal::pool::options

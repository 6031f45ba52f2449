#include "pool/options/core_options.hpp"

namespace ordeal::pool {

namespace {

core::CircuitOptions circuit_options(const Options::Breaker& breaker) {
  return {.enabled = breaker.enabled,
          .rule = breaker.rule,
          .failures = breaker.failures,
          .successes = breaker.successes,
          .half_open_max = breaker.half_open_max,
          .half_open_expiry = breaker.half_open,
          .open_base = breaker.open,
          .open_max = breaker.open_max,
          .growth_percent = breaker.open_growth_percent,
          .jitter_percent = breaker.open_jitter_percent,
          .window_calls = breaker.window_calls,
          .window = breaker.window,
          .window_slices = breaker.window_slices,
          .min_calls = breaker.min_calls,
          .failure_percent = breaker.failure_percent,
          .slow_call = breaker.slow_call,
          .slow_percent = breaker.slow_percent};
}

}  // namespace

core::CoreOptions to_core_options(const Options& given) {
  const Options options = with_defaults(given);
  return {
      .size = options.size,
      .overflow = options.overflow,
      .queue_max = options.queue_max,
      .starts_parallel_max = options.starts_parallel_max,
      .start_failures_max = options.start_failures_max,
      .slots_max = options.slots_max,
      .history_max = options.history_max,
      .start_timeout = options.start_timeout,
      .overflow_idle_timeout = options.overflow_idle_timeout,
      .quarantine_grace = options.quarantine_grace,
      .ask_grace = options.ask_grace,
      .terminate_grace = options.terminate_grace,
      .start_backoff_base = options.start_backoff_base,
      .start_backoff_max = options.start_backoff_max,
      .poison_deaths_max = options.retry.poison_deaths_max,
      .retry_budget_percent = options.retry.budget_percent,
      .retry_budget_max = options.retry.budget_max,
      .retry_budget_per_second = options.retry.budget_per_second,
      .health_interval = *options.health_interval,
      .health_timeout = options.health_timeout,
      .health_failures_max = options.health_failures_max,
      .stuck_kill = options.stuck_kill,
      .stack_grace = options.stack_grace,
      .start_extensions_max = options.start_extensions_max,
      .affinity_wait = options.affinity_wait,
      .affinity_timeout = options.affinity_timeout,
      .affinity_bindings_max = options.affinity_bindings_max,
      .breaker = circuit_options(options.breaker),
      .replace_parallel_max = options.replace_parallel_max,
      .retire_requests = options.retire_after_requests,
      .retire_age = options.retire_after,
      .retire_stagger_percent = options.retire_stagger_percent,
      .retire_memory = {.max_kib = options.retire_rss_max_kib,
                        .growth_kib = options.retire_rss_growth_kib,
                        .window_requests = options.retire_rss_window},
      .reject_late = options.reject_late,
      .shed_target = options.shed_target,
      .shed_interval = options.shed_interval,
      .limit = {.max = options.limit.max,
                .min = options.limit.min,
                .tolerance_percent = options.limit.tolerance_percent},
      .outliers = {.interval = options.outliers.interval,
                   .time = options.outliers.time,
                   .time_max = options.outliers.time_max,
                   .requests_min = options.outliers.requests_min,
                   .failure_percent = options.outliers.failure_percent,
                   .slow_percent = options.outliers.slow_percent,
                   .share_percent = options.outliers.share_percent,
                   .healthy_min = options.outliers.healthy_min},
      .lease_limit = options.lease_limit,
  };
}

}  // namespace ordeal::pool

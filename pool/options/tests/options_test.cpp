// Each option at its limits, and what the messages say: whole messages, since they are for people.
#include "ordeal/pool/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "pool/options/core_options.hpp"
#include "pool/options/table.hpp"

namespace ordeal::pool {
namespace {

using options::Descriptor;
using options::Kind;

Options valid_options() {
  Options options;
  options.command = {"python3", "worker.py"};
  return options;
}

std::string message_of(const Result<void>& result) {
  return result ? "accepted" : result.error().message;
}

std::string set(std::string_view name, std::string_view text) {
  Options options = valid_options();
  return message_of(set_option(options, name, text));
}

// A second, independent list of the limits: a slip in the table's does not pass unseen.
struct Limits {
  std::string_view name;
  std::int64_t min;
  std::int64_t max;
};
constexpr Limits limits[] = {
    {"size", 1, 1024},
    {"overflow", 0, 1023},
    {"queue_max", 1, 1'000'000},
    {"starts_parallel_max", 1, 1024},
    {"start_failures_max", 1, 1000},
    {"slots_max", 1, 256},
    {"history_max", 1, 10'000},
    {"warm_spares", 0, 1024},
    {"start_timeout_ms", 1, 86'400'000},
    {"overflow_idle_timeout_ms", 1, 86'400'000},
    {"quarantine_grace_ms", 0, 3'600'000},
    {"ask_grace_ms", 0, 3'600'000},
    {"terminate_grace_ms", 0, 3'600'000},
    {"start_backoff_base_ms", 1, 3'600'000},
    {"start_backoff_max_ms", 1, 3'600'000},
    {"call_timeout_ms", 1, 86'400'000},
    {"stop_grace_ms", 0, 3'600'000},
    {"frame_bytes_max", 1024, 1'073'741'824},
    {"stderr_bytes_max", 1024, 16'777'216},
    {"spin_max_us", 1, 10'000},
    {"worker_spin_us", 0, 10'000},
    {"record_bytes_max", 4096, 17'179'869'184},
    {"session_ttl_ms", 1, 31'622'400'000},
    {"affinity_wait_ms", 0, 86'400'000},
    {"affinity_timeout_ms", 1, 31'622'400'000},
    {"affinity_bindings_max", 1, 10'000'000},
    {"retry.max_retries", 0, 100},
    {"retry.base_delay_ms", 0, 3'600'000},
    {"retry.max_delay_ms", 0, 3'600'000},
    {"retry.jitter_percent", 0, 100},
    {"retry.budget_percent", 0, 100},
    {"retry.budget_max", 0, 1'000'000},
    {"retry.budget_per_second", 0, 1'000'000},
    {"retry.poison_deaths_max", 1, 100},
    {"health_interval_ms", 0, 86'400'000},
    {"health_timeout_ms", 1, 3'600'000},
    {"health_failures_max", 1, 100},
    {"stack_grace_ms", 0, 60'000},
    {"start_extensions_max", 0, 10'000},
    {"replace_parallel_max", 1, 1024},
    {"retire_after_requests", 0, std::numeric_limits<std::int64_t>::max()},
    {"retire_after_ms", 0, 31'622'400'000},
    {"retire_stagger_percent", 0, 100},
    {"retire_rss_max_kib", 0, 1'099'511'627'776},
    {"retire_rss_growth_kib", 0, 1'073'741'824},
    {"retire_rss_window", 4, 1'000'000'000},
    {"retire_rss_interval_ms", 1, 86'400'000},
    {"shed_target_ms", 0, 3'600'000},
    {"shed_interval_ms", 1, 3'600'000},
    {"limit.max", 0, 1'000'000},
    {"limit.min", 1, 1'000'000},
    {"limit.tolerance_percent", 100, 10'000},
    {"outliers.interval_ms", 0, 86'400'000},
    {"outliers.time_ms", 1, 86'400'000},
    {"outliers.time_max_ms", 1, 86'400'000},
    {"outliers.requests_min", 1, 1'000'000},
    {"outliers.failure_percent", 1, 100},
    {"outliers.slow_percent", 0, 100'000},
    {"outliers.share_percent", 0, 100},
    {"outliers.healthy_min", 1, 1024},
    {"lease_limit_ms", 0, 86'400'000},
    {"breaker.failures", 1, 1'000'000},
    {"breaker.successes", 1, 1000},
    {"breaker.half_open_max", 1, 1000},
    {"breaker.half_open_ms", 1, 86'400'000},
    {"breaker.open_ms", 1, 86'400'000},
    {"breaker.open_max_ms", 1, 86'400'000},
    {"breaker.open_growth_percent", 100, 1000},
    {"breaker.open_jitter_percent", 0, 100},
    {"breaker.window_calls", 1, 100'000},
    {"breaker.window_ms", 1, 86'400'000},
    {"breaker.window_slices", 1, 1000},
    {"breaker.min_calls", 1, 100'000},
    {"breaker.failure_percent", 1, 100},
    {"breaker.slow_call_ms", 0, 86'400'000},
    {"breaker.slow_percent", 1, 100},
    {"breaker.circuits_max", 1, 1'000'000},
};

std::string out_of_range(const Limits& limit, std::string_view value) {
  return "option " + std::string{limit.name} + ": " + std::string{value} +
         " is out of range, allowed " + std::to_string(limit.min) + " to " +
         std::to_string(limit.max);
}

TEST(Options, every_integer_is_accepted_at_its_limits_and_refused_beyond) {
  for (const Limits& limit : limits) {
    SCOPED_TRACE(limit.name);
    const Descriptor* option = options::find(limit.name);
    ASSERT_NE(option, nullptr);
    EXPECT_EQ(set(limit.name, std::to_string(limit.min)), "accepted");
    const std::string below = std::to_string(limit.min - 1);
    EXPECT_EQ(set(limit.name, below), out_of_range(limit, below));
    EXPECT_EQ(set(limit.name, std::to_string(limit.max)), "accepted");
    if (limit.max == std::numeric_limits<std::int64_t>::max()) continue;
    const std::string above = std::to_string(limit.max + 1);
    EXPECT_EQ(set(limit.name, above), out_of_range(limit, above));
  }
}

TEST(Options, the_list_of_limits_misses_no_integer) {
  std::vector<std::string_view> listed;
  for (const Limits& limit : limits) listed.push_back(limit.name);
  std::vector<std::string_view> known;
  for (const Descriptor& option : options::descriptors())
    if (option.kind == Kind::integer) known.push_back(option.name);
  EXPECT_EQ(listed, known);
}

TEST(Options, validate_names_the_option_the_value_and_the_range) {
  const auto refusal = [](auto change) {
    Options options = valid_options();
    change(options);
    const Result<void> result = validate(options);
    if (result) return std::string{"accepted"};
    EXPECT_EQ(result.error().code, ErrorCode::invalid_option);
    return result.error().message;
  };
  EXPECT_EQ(refusal([](Options&) {}), "accepted");
  EXPECT_EQ(refusal([](Options& o) { o.queue_max = 0; }),
            "option queue_max: 0 is out of range, allowed 1 to 1000000");
  EXPECT_EQ(refusal([](Options& o) { o.ask_grace = std::chrono::milliseconds{-1}; }),
            "option ask_grace_ms: -1 is out of range, allowed 0 to 3600000");
  EXPECT_EQ(refusal([](Options& o) { o.frame_bytes_max = UINT64_MAX; }),
            "option frame_bytes_max: 18446744073709551615 is out of range, allowed 1024 to "
            "1073741824");
  EXPECT_EQ(refusal([](Options& o) { o.command.clear(); }),
            "option command: 0 strings, allowed 1 to 1000");
  EXPECT_EQ(refusal([](Options& o) { o.command = {""}; }),
            "option command: the first string, the program's name, is empty");
  EXPECT_EQ(refusal([](Options& o) { o.command.assign(1001, "x"); }),
            "option command: 1001 strings, allowed 1 to 1000");
  EXPECT_EQ(refusal([](Options& o) {
              o.command.push_back({"a\0b", 3});
            }),
            "option command: \"a\\u0000b\" holds a NUL byte");
  EXPECT_EQ(refusal([](Options& o) { o.working_directory = "/tmp/\xff"; }),
            "option working_directory: \"/tmp/\xff\" is not UTF-8");
  EXPECT_EQ(refusal([](Options& o) { o.name = ""; }), "option name: 0 bytes, allowed 1 to 64");
  EXPECT_EQ(refusal([](Options& o) { o.name = std::string(64, 'n'); }), "accepted");
  EXPECT_EQ(refusal([](Options& o) { o.name = std::string(65, 'n'); }),
            "option name: 65 bytes, allowed 1 to 64");
  EXPECT_EQ(refusal([](Options& o) { o.environment_allow = {"A=B"}; }),
            "option environment_allow: \"A=B\" is not the name of an environment variable, it "
            "holds \"=\"");
  EXPECT_EQ(refusal([](Options& o) { o.environment[""] = "x"; }),
            "option environment: the name of an environment variable is empty");
  EXPECT_EQ(refusal([](Options& o) { o.spin = static_cast<SpinMode>(7); }),
            "option spin: \"7\" is not one of off, adaptive");
}

TEST(Options, rules_between_options_hold_at_the_limit_and_not_beyond) {
  Options options = valid_options();
  options.size = 1000;
  options.overflow = 24;
  EXPECT_EQ(message_of(validate(options)), "accepted");
  options.overflow = 25;
  EXPECT_EQ(message_of(validate(options)),
            "options size and overflow: 1000 + 25 is out of range, allowed 1 to 1024");

  options = valid_options();
  options.start_backoff_base = options.start_backoff_max;
  EXPECT_EQ(message_of(validate(options)), "accepted");
  options.start_backoff_base += std::chrono::milliseconds{1};
  EXPECT_EQ(
      message_of(validate(options)),
      "option start_backoff_base_ms: 10001 is more than start_backoff_max_ms, which is 10000");
}

TEST(Options, the_bounds_of_the_protections_agree_with_one_another) {
  Options options = valid_options();
  options.limit.min = 9;
  EXPECT_EQ(message_of(validate(options)), "accepted") << "it is off";
  options.limit.max = 8;
  EXPECT_EQ(message_of(validate(options)),
            "option limit.min: 9 is more than limit.max, which is 8");
  options.limit.max = 9;
  options.outliers.time = std::chrono::milliseconds{300'001};
  EXPECT_EQ(message_of(validate(options)),
            "option outliers.time_ms: 300001 is more than outliers.time_max_ms, which is 300000");
}

TEST(Options, the_retry_options_are_a_policy) {
  Options options = valid_options();
  ASSERT_TRUE(set_option(options, "retry.max_retries", "4"));
  ASSERT_TRUE(set_option(options, "retry.backoff", "fibonacci"));
  ASSERT_TRUE(set_option(options, "retry.base_delay_ms", "5"));
  ASSERT_TRUE(set_option(options, "retry.max_delay_ms", "6"));
  ASSERT_TRUE(set_option(options, "retry.jitter_percent", "7"));
  EXPECT_EQ(options.retry.policy(), (RetryPolicy{.max_retries = 4,
                                                 .backoff = Backoff::fibonacci,
                                                 .jitter_percent = 7,
                                                 .base_delay = std::chrono::milliseconds{5},
                                                 .max_delay = std::chrono::milliseconds{6}}));
  EXPECT_EQ(message_of(validate(options)), "accepted");
  options.retry.base_delay = std::chrono::milliseconds{7};
  EXPECT_EQ(message_of(validate(options)),
            "option retry.base_delay_ms: 7 is more than retry.max_delay_ms, which is 6");
}

TEST(Options, a_breakers_numbers_agree_with_one_another) {
  const auto refusal = [](auto change) {
    Options options = valid_options();
    change(options.breaker);
    return message_of(validate(options));
  };
  using B = Options::Breaker;
  EXPECT_EQ(refusal([](B& b) { b.open = std::chrono::milliseconds{600'001}; }),
            "option breaker.open_ms: 600001 is more than breaker.open_max_ms, which is 600000");
  EXPECT_EQ(refusal([](B& b) { b.min_calls = 101; }), "accepted");
  EXPECT_EQ(refusal([](B& b) {
              b.rule = BreakerRule::call_rate;
              b.min_calls = 101;
            }),
            "option breaker.min_calls: 101 is more than breaker.window_calls, which is 100");
  EXPECT_EQ(refusal([](B& b) { b.window = std::chrono::milliseconds{9}; }),
            "option breaker.window_slices: 10 is more than breaker.window_ms, which is 9");
  EXPECT_EQ(refusal([](B& b) { b.slow_call = std::chrono::milliseconds{1}; }),
            "option breaker.slow_call_ms: 1 has no meaning with the rule consecutive");
  EXPECT_EQ(refusal([](B& b) {
              b.rule = BreakerRule::time_rate;
              b.slow_call = std::chrono::milliseconds{1};
            }),
            "accepted");
}

TEST(Options, the_kind_of_worker_fills_in_what_is_not_set_and_nothing_else) {
  Options options = valid_options();
  EXPECT_EQ(with_defaults(options).health_interval, std::chrono::milliseconds{0});
  ASSERT_TRUE(set_option(options, "worker_kind", "enhanced"));
  EXPECT_EQ(with_defaults(options).health_interval, std::chrono::seconds{30});
  EXPECT_EQ(to_core_options(options).health_interval, std::chrono::seconds{30});
  ASSERT_TRUE(set_option(options, "health_interval_ms", "0"));
  EXPECT_EQ(with_defaults(options).health_interval, std::chrono::milliseconds{0});
  options.worker_kind = WorkerKind::basic;
  options.health_interval = std::chrono::milliseconds{7};
  EXPECT_EQ(with_defaults(options).health_interval, std::chrono::milliseconds{7});
  EXPECT_EQ(message_of(validate(options)), "accepted");
}

TEST(Options, what_needs_a_template_or_cannot_be_with_one_is_refused) {
  const auto refusal = [](auto change) {
    Options options = valid_options();
    change(options);
    const Result<void> result = validate(options);
    return result ? std::string{"accepted"} : result.error().message;
  };
  EXPECT_EQ(refusal([](Options& o) { o.fork_template = true; }), "accepted");
  EXPECT_EQ(refusal([](Options& o) { o.warm_spares = 2; }),
            "option warm_spares: 2 needs fork_template, allowed without it: 0");
  EXPECT_EQ(refusal([](Options& o) {
              o.fork_template = true;
              o.command = {"worker", "--worker-id={worker_id}"};
            }),
            "option command: \"--worker-id={worker_id}\" has {worker_id}, not allowed with "
            "fork_template: the start-up ping tells each worker its id");
}

TEST(Options, a_session_store_is_memory_or_a_named_file) {
  const auto refusal = [](std::string store) {
    Options options = valid_options();
    options.session_store = std::move(store);
    const Result<void> result = validate(options);
    return result ? std::string{"accepted"} : result.error().message;
  };
  EXPECT_EQ(refusal("memory"), "accepted");
  EXPECT_EQ(refusal("sqlite:/var/lib/sessions.db"), "accepted");
  EXPECT_EQ(refusal("sqlite:"),
            "option session_store: \"sqlite:\" is neither memory nor sqlite:PATH");
  EXPECT_EQ(refusal("redis"), "option session_store: \"redis\" is neither memory nor sqlite:PATH");
  EXPECT_EQ(refusal(""), "option session_store: 0 bytes, allowed 1 to 4096");
}

TEST(Options, the_default_of_every_option_but_the_command_is_valid) {
  for (const Descriptor& option : options::descriptors()) {
    const auto error = options::check(option, option.get(Options{}));
    EXPECT_EQ(error.has_value(), option.name == "command") << option.name;
  }
}

TEST(Options, the_core_gets_each_of_its_options) {
  Options options = valid_options();
  options.size = 2;
  options.overflow = 3;
  options.queue_max = 4;
  options.starts_parallel_max = 5;
  options.start_failures_max = 6;
  options.slots_max = 7;
  options.history_max = 8;
  options.start_timeout = std::chrono::milliseconds{9};
  options.overflow_idle_timeout = std::chrono::milliseconds{10};
  options.quarantine_grace = std::chrono::milliseconds{11};
  options.ask_grace = std::chrono::milliseconds{12};
  options.terminate_grace = std::chrono::milliseconds{13};
  options.start_backoff_base = std::chrono::milliseconds{14};
  options.start_backoff_max = std::chrono::milliseconds{15};
  options.retry.poison_deaths_max = 16;
  options.retry.budget_percent = 17;
  options.retry.budget_max = 18;
  options.retry.budget_per_second = 19;
  options.breaker = {.enabled = true,
                     .rule = BreakerRule::time_rate,
                     .failures = 20,
                     .successes = 21,
                     .half_open_max = 22,
                     .half_open = std::chrono::milliseconds{23},
                     .open = std::chrono::milliseconds{24},
                     .open_max = std::chrono::milliseconds{25},
                     .open_growth_percent = 126,
                     .open_jitter_percent = 27,
                     .window_calls = 28,
                     .window = std::chrono::milliseconds{29},
                     .window_slices = 30,
                     .min_calls = 31,
                     .failure_percent = 32,
                     .slow_call = std::chrono::milliseconds{33},
                     .slow_percent = 34};
  options.health_interval = std::chrono::milliseconds{20};
  options.health_timeout = std::chrono::milliseconds{21};
  options.health_failures_max = 22;
  options.replace_parallel_max = 23;
  options.retire_after_requests = 24;
  options.retire_after = std::chrono::milliseconds{25};
  options.retire_stagger_percent = 26;
  options.retire_rss_max_kib = 27;
  options.retire_rss_growth_kib = 28;
  options.retire_rss_window = 29;
  options.stuck_kill = StuckKill::silent;
  options.stack_grace = std::chrono::milliseconds{30};
  options.start_extensions_max = 31;
  options.limit = {.max = 33, .min = 32, .tolerance_percent = 134};
  options.outliers = {.interval = std::chrono::milliseconds{35},
                      .time = std::chrono::milliseconds{36},
                      .time_max = std::chrono::milliseconds{37},
                      .requests_min = 38,
                      .failure_percent = 39,
                      .slow_percent = 40,
                      .share_percent = 41,
                      .healthy_min = 42};
  const core::CoreOptions core = to_core_options(options);
  EXPECT_EQ(core.health_interval, std::chrono::milliseconds{20});
  EXPECT_EQ(core.health_timeout, std::chrono::milliseconds{21});
  EXPECT_EQ(core.health_failures_max, 22u);
  EXPECT_EQ(core.replace_parallel_max, 23u);
  EXPECT_EQ(core.retire_requests, 24u);
  EXPECT_EQ(core.retire_age, std::chrono::milliseconds{25});
  EXPECT_EQ(core.retire_stagger_percent, 26u);
  EXPECT_EQ(core.retire_memory.max_kib, 27u);
  EXPECT_EQ(core.retire_memory.growth_kib, 28u);
  EXPECT_EQ(core.retire_memory.window_requests, 29u);
  EXPECT_EQ(core.stuck_kill, StuckKill::silent);
  EXPECT_EQ(core.stack_grace, std::chrono::milliseconds{30});
  EXPECT_EQ(core.start_extensions_max, 31u);
  EXPECT_EQ(core.limit.max, 33u);
  EXPECT_EQ(core.limit.min, 32u);
  EXPECT_EQ(core.limit.tolerance_percent, 134u);
  EXPECT_EQ(core.outliers.interval, std::chrono::milliseconds{35});
  EXPECT_EQ(core.outliers.time, std::chrono::milliseconds{36});
  EXPECT_EQ(core.outliers.time_max, std::chrono::milliseconds{37});
  EXPECT_EQ(core.outliers.requests_min, 38u);
  EXPECT_EQ(core.outliers.failure_percent, 39u);
  EXPECT_EQ(core.outliers.slow_percent, 40u);
  EXPECT_EQ(core.outliers.share_percent, 41u);
  EXPECT_EQ(core.outliers.healthy_min, 42u);
  EXPECT_TRUE(core.breaker.enabled);
  EXPECT_EQ(core.breaker.rule, BreakerRule::time_rate);
  EXPECT_EQ(core.breaker.failures, 20u);
  EXPECT_EQ(core.breaker.successes, 21u);
  EXPECT_EQ(core.breaker.half_open_max, 22u);
  EXPECT_EQ(core.breaker.half_open_expiry, std::chrono::milliseconds{23});
  EXPECT_EQ(core.breaker.open_base, std::chrono::milliseconds{24});
  EXPECT_EQ(core.breaker.open_max, std::chrono::milliseconds{25});
  EXPECT_EQ(core.breaker.growth_percent, 126u);
  EXPECT_EQ(core.breaker.jitter_percent, 27u);
  EXPECT_EQ(core.breaker.window_calls, 28u);
  EXPECT_EQ(core.breaker.window, std::chrono::milliseconds{29});
  EXPECT_EQ(core.breaker.window_slices, 30u);
  EXPECT_EQ(core.breaker.min_calls, 31u);
  EXPECT_EQ(core.breaker.failure_percent, 32u);
  EXPECT_EQ(core.breaker.slow_call, std::chrono::milliseconds{33});
  EXPECT_EQ(core.breaker.slow_percent, 34u);
  EXPECT_EQ(core.poison_deaths_max, 16u);
  EXPECT_EQ(core.retry_budget_percent, 17u);
  EXPECT_EQ(core.retry_budget_max, 18u);
  EXPECT_EQ(core.retry_budget_per_second, 19u);
  EXPECT_EQ(core.size, 2u);
  EXPECT_EQ(core.overflow, 3u);
  EXPECT_EQ(core.queue_max, 4u);
  EXPECT_EQ(core.starts_parallel_max, 5u);
  EXPECT_EQ(core.start_failures_max, 6u);
  EXPECT_EQ(core.slots_max, 7u);
  EXPECT_EQ(core.history_max, 8u);
  EXPECT_EQ(core.start_timeout, std::chrono::milliseconds{9});
  EXPECT_EQ(core.overflow_idle_timeout, std::chrono::milliseconds{10});
  EXPECT_EQ(core.quarantine_grace, std::chrono::milliseconds{11});
  EXPECT_EQ(core.ask_grace, std::chrono::milliseconds{12});
  EXPECT_EQ(core.terminate_grace, std::chrono::milliseconds{13});
  EXPECT_EQ(core.start_backoff_base, std::chrono::milliseconds{14});
  EXPECT_EQ(core.start_backoff_max, std::chrono::milliseconds{15});
}

TEST(Options, the_readme_holds_the_table_of_all_options) {
  const std::string path = ORDEAL_OPTIONS_README;
  std::stringstream content;
  content << std::ifstream{path}.rdbuf();
  const std::string readme = content.str();
  const std::string begin = "<!-- options: made by describe_options() -->\n";
  const std::size_t from = readme.find(begin);
  const std::size_t to = readme.find("<!-- options end -->");
  ASSERT_NE(from, std::string::npos) << path;
  ASSERT_NE(to, std::string::npos) << path;
  const std::string current =
      readme.substr(0, from + begin.size()) + describe_options() + readme.substr(to);
  if (std::getenv("ORDEAL_APPROVE") != nullptr) {
    std::ofstream{path} << current;
    return;
  }
  EXPECT_EQ(readme, current) << "to bring " << path
                             << " up to date: ORDEAL_APPROVE=1 ctest -R options_test";
}

TEST(Options, the_table_has_a_row_for_every_option) {
  const std::string table = describe_options();
  for (const Descriptor& option : options::descriptors()) {
    EXPECT_THAT(table, testing::HasSubstr("| `" + std::string{option.name} + "` |"));
    EXPECT_FALSE(option.doc.empty()) << option.name;
  }
  EXPECT_THAT(table, testing::HasSubstr("| `queue_max` | `1000` | 1 to 1000000 | requests waiting "
                                        "at most; the next gets `queue_full` |\n"));
  EXPECT_THAT(table, testing::HasSubstr("| `seed` | none | 0 to 18446744073709551615 | "));
  EXPECT_THAT(table, testing::HasSubstr("| `replace_parallel_max` | `1` | 1 to 1024 | "));
}

}  // namespace
}  // namespace ordeal::pool

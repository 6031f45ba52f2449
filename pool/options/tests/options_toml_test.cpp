// Reading options from TOML and from `--set`, and printing them so that they read back the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ordeal/pool/options.hpp"
#include "pool/options/table.hpp"

namespace ordeal::pool {
namespace {

std::string refusal(std::string_view text) {
  const Result<Options> options = options_from_toml(text, "pool.toml");
  return options ? "accepted" : options.error().message;
}

std::string set_refusal(std::string_view name, std::string_view text) {
  Options options;
  const Options before = options;
  const Result<void> done = set_option(options, name, text);
  if (done) return "accepted";
  EXPECT_EQ(options, before) << "a refused option changed something";
  return done.error().message;
}

// No member has its default.
Options unusual_options() {
  Options options;
  options.command = {"python3", "worker \"x\".py", "--id={worker_id}", "tab\tand\nline \\ é \x7f"};
  options.worker_kind = WorkerKind::enhanced;
  options.health_interval = std::chrono::milliseconds{10};
  options.health_timeout = std::chrono::milliseconds{11};
  options.health_failures_max = 12;
  options.stuck_kill = StuckKill::never;
  options.stack_grace = std::chrono::milliseconds{13};
  options.start_extensions_max = 14;
  options.limit = {.max = 15, .min = 14, .tolerance_percent = 116};
  options.outliers = {.interval = std::chrono::milliseconds{17},
                      .time = std::chrono::milliseconds{18},
                      .time_max = std::chrono::milliseconds{19},
                      .requests_min = 21,
                      .failure_percent = 22,
                      .slow_percent = 23,
                      .share_percent = 24,
                      .healthy_min = 25};
  options.working_directory = "/tmp";
  options.environment_allow = {"PATH"};
  options.environment = {{"A", "1"}, {"with space.and dot", "\"quoted\""}};
  options.size = 7;
  options.overflow = 2;
  options.queue_max = 1;
  options.starts_parallel_max = 2;
  options.start_failures_max = 9;
  options.slots_max = 4;
  options.history_max = 5;
  options.await_ready = AwaitReady::none;
  options.start_timeout = std::chrono::milliseconds{1};
  options.overflow_idle_timeout = std::chrono::milliseconds{2};
  options.quarantine_grace = std::chrono::milliseconds{3};
  options.ask_grace = std::chrono::milliseconds{4};
  options.terminate_grace = std::chrono::milliseconds{5};
  options.start_backoff_base = std::chrono::milliseconds{6};
  options.start_backoff_max = std::chrono::milliseconds{7};
  options.call_timeout = std::chrono::milliseconds{8};
  options.stop_grace = std::chrono::milliseconds{9};
  options.frame_bytes_max = 1024;
  options.stderr_bytes_max = 2048;
  options.spin = SpinMode::off;
  options.spin_max_us = 10;
  options.worker_spin_us = 20;
  options.seed = UINT64_MAX;
  options.record_file = "run.rec";
  options.retry = {.max_retries = 1,
                   .backoff = Backoff::linear,
                   .base_delay = std::chrono::milliseconds{2},
                   .max_delay = std::chrono::milliseconds{3},
                   .delays = {std::chrono::milliseconds{1}, std::chrono::milliseconds{0}},
                   .jitter_percent = 4,
                   .budget_percent = 5,
                   .budget_max = 6,
                   .budget_per_second = 7,
                   .poison_deaths_max = 8};
  options.breaker = {.enabled = true,
                     .key = BreakerKey::pool,
                     .rule = BreakerRule::time_rate,
                     .failures = 1,
                     .successes = 2,
                     .half_open_max = 4,
                     .half_open = std::chrono::milliseconds{5},
                     .open = std::chrono::milliseconds{6},
                     .open_max = std::chrono::milliseconds{7},
                     .open_growth_percent = 108,
                     .open_jitter_percent = 9,
                     .window_calls = 10,
                     .window = std::chrono::milliseconds{11},
                     .window_slices = 9,
                     .min_calls = 13,
                     .failure_percent = 14,
                     .slow_call = std::chrono::milliseconds{15},
                     .slow_percent = 16,
                     .caller_errors = {"Mine"},
                     .circuits_max = 17};
  options.record_bytes_max = 4096;
  options.log_payloads = true;
  options.session_store = "sqlite:a.db";
  options.session_ttl = std::chrono::milliseconds{11};
  options.affinity = AffinityPolicy::prefer;
  options.affinity_wait = std::chrono::milliseconds{12};
  options.affinity_timeout = std::chrono::milliseconds{13};
  options.affinity_bindings_max = 14;
  options.name = "other";
  options.fork_template = true;
  options.warm_spares = 12;
  options.replace_parallel_max = 2;
  options.retire_after_requests = 3;
  options.retire_after = std::chrono::milliseconds{4};
  options.retire_stagger_percent = 5;
  options.retire_rss_max_kib = 6;
  options.retire_rss_growth_kib = 7;
  options.retire_rss_window = 8;
  options.retire_rss_interval = std::chrono::milliseconds{9};
  options.reject_late = true;
  options.shed_target = std::chrono::milliseconds{10};
  options.shed_interval = std::chrono::milliseconds{11};
  options.lease_limit = std::chrono::milliseconds{12};
  return options;
}

TEST(OptionsToml, an_empty_file_gives_the_defaults) {
  const Result<Options> options = options_from_toml("", "pool.toml");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(*options, Options{});
}

TEST(OptionsToml, printed_options_read_back_the_same) {
  for (const Options& options : {Options{}, unusual_options()}) {
    // A default `command` is empty, and an empty one is refused wherever it is spelled out.
    Options given = options;
    if (given.command.empty()) given.command = {"worker"};
    const std::string text = to_toml(given);
    const Result<Options> read = options_from_toml(text, "printed");
    ASSERT_TRUE(read) << read.error().message << "\n" << text;
    EXPECT_EQ(*read, given) << text;
  }
}

TEST(OptionsToml, the_round_trip_leaves_no_option_at_its_default) {
  const Options unusual = unusual_options();
  for (const options::Descriptor& option : options::descriptors())
    EXPECT_NE(option.get(unusual), option.get(Options{})) << option.name;
}

TEST(OptionsToml, reads_every_kind_of_value) {
  const Result<Options> options = options_from_toml(R"(
# a comment
command = ["python3", "-u", "worker.py"]
queue_max = 20
start_timeout_ms = 1_500
await_ready = "one"
log_payloads = true
seed = 0xff
retry.max_retries = 0
[environment]
MODE = "fast"
)",
                                                    "pool.toml");
  ASSERT_TRUE(options) << options.error().message;
  Options expected;
  expected.command = {"python3", "-u", "worker.py"};
  expected.queue_max = 20;
  expected.start_timeout = std::chrono::milliseconds{1500};
  expected.await_ready = AwaitReady::one;
  expected.log_payloads = true;
  expected.seed = 255;
  expected.environment = {{"MODE", "fast"}};
  EXPECT_EQ(*options, expected);
}

TEST(OptionsToml, an_unknown_option_is_refused_with_its_line_and_the_nearest_name) {
  EXPECT_EQ(refusal("size = 2\n\nqueue_mx = 3\n"),
            "pool.toml:3: unknown option \"queue_mx\", did you mean queue_max?");
  EXPECT_EQ(refusal("start_timeout = 3"),
            "pool.toml:1: unknown option \"start_timeout\", did you mean start_timeout_ms?");
  EXPECT_EQ(refusal("Size = 3"), "pool.toml:1: unknown option \"Size\", did you mean size?");
  EXPECT_EQ(refusal("colour = 'red'"), "pool.toml:1: unknown option \"colour\"");
  EXPECT_EQ(refusal("[retry]\nmax_retrys = 0"),
            "pool.toml:2: unknown option \"retry.max_retrys\", did you mean retry.max_retries?");
  EXPECT_EQ(refusal("[pool]\nsize = 1"), "pool.toml:2: unknown option \"pool.size\"");
  EXPECT_EQ(refusal("[a.b]\nc = 1"), "pool.toml:1: unknown option \"a.b\"");
  EXPECT_EQ(refusal("[sise]"), "pool.toml:1: unknown option \"sise\", did you mean size?");
  EXPECT_EQ(refusal("\"\" = 1"), "pool.toml:1: unknown option \"\"");
}

TEST(OptionsToml, a_wrong_type_is_named) {
  EXPECT_EQ(refusal("\nqueue_max = \"12\""),
            "pool.toml:2: option queue_max: expected an integer, found a string");
  EXPECT_EQ(refusal("size = 1.5"),
            "pool.toml:1: option size: expected an integer, found a number with a fraction");
  EXPECT_EQ(refusal("log_payloads = 1"),
            "pool.toml:1: option log_payloads: expected true or false, found an integer");
  EXPECT_EQ(refusal("name = true"),
            "pool.toml:1: option name: expected a string, found true or false");
  EXPECT_EQ(refusal("command = 'python3'"),
            "pool.toml:1: option command: expected a list of strings, found a string");
  EXPECT_EQ(refusal("command = ['a', 1]"),
            "pool.toml:1: option command: expected a list of strings, found a list");
  EXPECT_EQ(refusal("[environment]\nA = 1"),
            "pool.toml:1: option environment: expected a table of strings, found a table");
  EXPECT_EQ(refusal("seed = -1"),
            "pool.toml:1: option seed: expected an integer of 0 or more, found an integer");
  EXPECT_EQ(refusal("seed = 2001-01-01"),
            "pool.toml:1: option seed: expected an integer of 0 or more, found a date or time");
}

TEST(OptionsToml, a_bad_value_is_refused_with_its_line) {
  EXPECT_EQ(refusal("size = 1\nqueue_max = 0"),
            "pool.toml:2: option queue_max: 0 is out of range, allowed 1 to 1000000");
  EXPECT_EQ(refusal("size = 4294967297"),  // 2^32 + 1 must not become 1
            "pool.toml:1: option size: 4294967297 is out of range, allowed 1 to 1024");
  EXPECT_EQ(refusal("await_ready = 'some'"),
            "pool.toml:1: option await_ready: \"some\" is not one of all, one, none");
}

TEST(OptionsToml, what_is_not_toml_is_refused_with_its_line) {
  EXPECT_THAT(refusal("size = 2\nsize 3"), testing::StartsWith("pool.toml:2: not TOML: "));
  EXPECT_THAT(refusal("size = 2\nsize = 3"), testing::StartsWith("pool.toml:2: not TOML: "));
  EXPECT_THAT(refusal("size = "), testing::StartsWith("pool.toml:1: not TOML: "));
  EXPECT_THAT(refusal(std::string(100'000, '[')), testing::StartsWith("pool.toml:1: not TOML: "));
}

TEST(OptionsToml, a_file_at_the_size_limit_is_read_and_a_longer_one_refused) {
  const std::string limit = "size = 3 #" + std::string((1 << 20) - 10, 'x');
  EXPECT_EQ(refusal(limit), "accepted");
  EXPECT_EQ(refusal(limit + "x"),
            "pool.toml: 1048577 bytes are too long for a file of options, allowed 1048576");
}

TEST(SetOption, takes_the_text_of_a_command_line) {
  Options options;
  const std::pair<std::string_view, std::string_view> given[] = {
      {"size", "2"},
      {"name", "it's = mine"},
      {"log_payloads", "true"},
      {"spin", "off"},
      {"seed", "0xffffffffffffffff"},
      {"stop_grace_ms", "0"},
      {"command", R"(["python3", "a b.py"])"},
      {"environment", R"({ A = "1", B = "2" })"},
      {"environment.B", "3"},
      {"environment.C.D", "x=y"},
  };
  for (const auto& [name, text] : given) {
    const Result<void> done = set_option(options, name, text);
    EXPECT_TRUE(done) << done.error().message;
  }
  Options expected;
  expected.size = 2;
  expected.name = "it's = mine";
  expected.log_payloads = true;
  expected.spin = SpinMode::off;
  expected.seed = UINT64_MAX;
  expected.stop_grace = std::chrono::milliseconds{0};
  expected.command = {"python3", "a b.py"};
  expected.environment = {{"A", "1"}, {"B", "3"}, {"C.D", "x=y"}};
  EXPECT_EQ(options, expected);
}

TEST(SetOption, refuses_with_a_sentence_and_changes_nothing) {
  EXPECT_EQ(set_refusal("sise", "2"), "unknown option \"sise\", did you mean size?");
  EXPECT_EQ(set_refusal("size", "two"), "option size: expected an integer, found \"two\"");
  EXPECT_EQ(set_refusal("size", ""), "option size: expected an integer, found \"\"");
  EXPECT_EQ(set_refusal("size", "2 "), "option size: expected an integer, found \"2 \"");
  EXPECT_EQ(set_refusal("size", "0"), "option size: 0 is out of range, allowed 1 to 1024");
  EXPECT_EQ(set_refusal("size", "99999999999999999999"),
            "option size: expected an integer, found \"99999999999999999999\"");
  EXPECT_EQ(set_refusal("log_payloads", "yes"),
            "option log_payloads: expected true or false, found \"yes\"");
  EXPECT_EQ(set_refusal("seed", "-1"),
            "option seed: expected an integer of 0 or more, found \"-1\"");
  EXPECT_EQ(set_refusal("command", "python3"),
            "option command: expected a list of strings, found \"python3\"");
  EXPECT_EQ(set_refusal("command", "[]\nother = 1"),
            "option command: expected a list of strings, found \"[]\\nother = 1\"");
  EXPECT_EQ(set_refusal("environment.", "x"),
            "option environment: the name of an environment variable is empty");
  EXPECT_EQ(
      set_refusal("command", std::string(200, 'x')),
      "option command: expected a list of strings, found \"" + std::string(80, 'x') + "\"...");
}

}  // namespace
}  // namespace ordeal::pool

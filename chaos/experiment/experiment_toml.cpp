#include <fmt/format.h>

#include <toml++/toml.h>
#include <functional>
#include <limits>
#include <set>
#include <sstream>

#include "chaos/experiment/experiment.hpp"

namespace ordeal::chaos {
namespace {

constexpr std::int64_t ms_max = 3'600'000;

tl::unexpected<pool::Error> refused(std::string message) {
  return tl::unexpected(pool::make_error(pool::ErrorCode::invalid_option, std::move(message)));
}

// Reads the members of one table, notes the first error of the file, and knows what it was asked
// for: finish() refuses the rest.
class TableReader {
 public:
  TableReader(const toml::table* table, std::string name, std::string_view file, std::string& error)
      : table_(table), name_(std::move(name)), file_(file), error_(error) {}

  template <typename Integer>
  void integer(std::string_view key, Integer& out, std::int64_t min, std::int64_t max) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const auto value = node->value<std::int64_t>();
    if (!node->is_integer() || *value < min || *value > max) {
      fail(*node, fmt::format("{}{}: an integer from {} to {} is wanted", name_, key, min, max));
      return;
    }
    out = static_cast<Integer>(*value);
  }

  void duration(std::string_view key, milliseconds& out, std::int64_t min = 0) {
    std::int64_t count = out.count();
    integer(key, count, min, ms_max);
    out = milliseconds{count};
  }

  void text(std::string_view key, const std::function<std::string(const std::string&)>& take) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_string()) return fail(*node, fmt::format("{}{}: text is wanted", name_, key));
    take_text(*node, key, take);
  }

  void texts(std::string_view key, const std::function<std::string(const std::string&)>& take) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    if (list == nullptr || list->empty() || !list->is_homogeneous(toml::node_type::string)) {
      return fail(*node, fmt::format("{}{}: a list of texts is wanted", name_, key));
    }
    for (const toml::node& item : *list) take_text(item, key, take);
  }

  void require(std::string_view key) {
    if (table_ != nullptr && table_->contains(key)) return;
    if (error_.empty()) error_ = fmt::format("{}: {}{} is missing", file_, name_, key);
  }

  [[nodiscard]] TableReader table(std::string_view key) {
    const toml::node* node = find(key);
    const toml::table* inner = node == nullptr ? nullptr : node->as_table();
    if (node != nullptr && inner == nullptr) fail(*node, fmt::format("{}: a table is wanted", key));
    return {inner, fmt::format("{}.", key), file_, error_};
  }

  void finish() {
    if (table_ == nullptr) return;
    for (const auto& [key, node] : *table_) {
      if (known_.contains(key.str())) continue;
      const auto line = key.source().begin.line;
      if (error_.empty()) {
        error_ = fmt::format("{}:{}: unknown key {}{}", file_, line, name_, key.str());
      }
    }
  }

 private:
  const toml::node* find(std::string_view key) {
    known_.emplace(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  void take_text(const toml::node& node, std::string_view key,
                 const std::function<std::string(const std::string&)>& take) {
    const std::string complaint = take(node.as_string()->get());
    if (!complaint.empty()) fail(node, fmt::format("{}{}: {}", name_, key, complaint));
  }
  void fail(const toml::node& node, const std::string& message) {
    if (error_.empty()) {
      error_ = fmt::format("{}:{}: {}", file_, node.source().begin.line, message);
    }
  }

  const toml::table* table_;
  std::string name_;
  std::string_view file_;
  std::string& error_;
  std::set<std::string, std::less<>> known_;
};

void read_load(TableReader reader, AttackPlan& plan) {
  trial::CallMix& mix = plan.load.mix;
  reader.integer("callers", plan.load.callers, 1, 1024);
  reader.duration("duration_ms", plan.duration, 1);
  reader.duration("deadline_ms", plan.load.deadline, 1);
  reader.integer("slow_percent", mix.slow_percent, 0, 100);
  reader.duration("slow_pause_min_ms", mix.slow_pause_min);
  reader.duration("slow_pause_max_ms", mix.slow_pause_max);
  reader.integer("rest_percent", mix.rest_percent, 0, 100);
  reader.duration("rest_min_ms", mix.rest_min);
  reader.duration("rest_max_ms", mix.rest_max);
  reader.finish();
}

void read_fault(TableReader reader, AttackPlan& plan) {
  KillSchedule& schedule = plan.schedule;
  reader.require("kind");
  reader.text("kind", [](const std::string& kind) {
    return kind == "kill_worker" ? std::string{}
                                 : fmt::format("unknown fault {}, known: kill_worker", kind);
  });
  std::vector<Target> targets;
  reader.texts("targets", [&targets](const std::string& text) {
    const auto target = parse_target(text);
    if (!target) return fmt::format("unknown target {}, allowed: {}", text, target_syntax);
    targets.push_back(*target);
    return std::string{};
  });
  if (!targets.empty()) schedule.targets = targets;
  reader.duration("after_ms", schedule.after);
  reader.duration("every_ms", schedule.every, 1);
  reader.duration("settle_ms", schedule.settle);
  reader.integer("times_max", schedule.times_max, 1, 1'000'000);
  reader.duration("proof_max_ms", plan.kill.proof_max, 1);
  reader.finish();
}

void read_end(TableReader reader, AttackPlan& plan) {
  reader.duration("quiet_ms", plan.quiet);
  reader.duration("recovery_max_ms", plan.recovery_max, 1);
  reader.finish();
}

void read_bars(TableReader reader, Bars& bars) {
  reader.integer("calls_min", bars.calls_min, 1, std::numeric_limits<std::int32_t>::max());
  reader.integer("kills_min", bars.kills_min, 1, 1'000'000);
  reader.integer("struck_percent_min", bars.struck_percent_min, 0, 100);
  reader.integer("ok_percent_min", bars.ok_percent_min, 0, 100);
  reader.finish();
}

std::string check_ranges(const AttackPlan& plan) {
  const trial::CallMix& mix = plan.load.mix;
  if (mix.slow_pause_min > mix.slow_pause_max) return "load.slow_pause_min_ms exceeds its max";
  if (mix.rest_min > mix.rest_max) return "load.rest_min_ms exceeds its max";
  if (plan.quiet >= plan.duration) return "end.quiet_ms must be less than load.duration_ms";
  return {};
}

// The pool reads its own options; the line is ours to give.
pool::Result<pool::Options> read_pool(const toml::table& root, std::string_view file,
                                      std::string_view mock_bridge) {
  const toml::node* node = root.get("pool");
  if (node == nullptr || !node->is_table()) {
    return refused(fmt::format("{}: the table pool is missing", file));
  }
  std::ostringstream text;
  text << *node->as_table();
  auto options = pool::options_from_toml(text.str(), "pool");
  if (!options) {
    // "pool:LINE: " counts in the text above, not in the file.
    const std::string& said = options.error().message;
    const std::size_t colon = said.find(": ");
    options.error().message = fmt::format("{}:{}: pool: {}", file, node->source().begin.line,
                                          colon == said.npos ? said : said.substr(colon + 2));
    return options;
  }
  constexpr std::string_view mark = "{mock_bridge}";
  for (std::string& word : options->command) {
    if (const std::size_t at = word.find(mark); at != word.npos) {
      word.replace(at, mark.size(), mock_bridge);
    }
  }
  if (auto valid = pool::validate(*options); !valid) {
    valid.error().message =
        fmt::format("{}:{}: pool: {}", file, node->source().begin.line, valid.error().message);
    return tl::unexpected(std::move(valid.error()));
  }
  return options;
}

}  // namespace

pool::Result<Experiment> experiment_from_toml(std::string_view text, std::string_view file_name,
                                              std::string_view mock_bridge) {
  toml::table root;
  try {
    root = toml::parse(text, file_name);
  } catch (const toml::parse_error& error) {
    return refused(
        fmt::format("{}:{}: {}", file_name, error.source().begin.line, error.description()));
  }
  Experiment experiment;
  std::string error;
  TableReader reader{&root, "", file_name, error};
  reader.require("title");
  reader.text("title", [&experiment](const std::string& title) {
    experiment.plan.title = title;
    return std::string{};
  });
  reader.integer("seed", experiment.plan.seed, 0, std::numeric_limits<std::int64_t>::max());
  (void)reader.table("pool");
  read_load(reader.table("load"), experiment.plan);
  read_fault(reader.table("fault"), experiment.plan);
  read_end(reader.table("end"), experiment.plan);
  read_bars(reader.table("bars"), experiment.bars);
  reader.finish();
  if (error.empty()) {
    error = check_ranges(experiment.plan);
    if (!error.empty()) error = fmt::format("{}: {}", file_name, error);
  }
  if (!error.empty()) return refused(std::move(error));
  auto options = read_pool(root, file_name, mock_bridge);
  if (!options) return tl::unexpected(std::move(options.error()));
  experiment.plan.pool = std::move(*options);
  if (!experiment.plan.pool.seed) experiment.plan.pool.seed = experiment.plan.seed;
  return experiment;
}

}  // namespace ordeal::chaos

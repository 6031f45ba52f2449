#include "chaos/faults/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace ordeal::chaos {
namespace {

using Rule = Target::Rule;

constexpr std::pair<std::string_view, Rule> rule_names[] = {
    {"one", Rule::one},         {"random", Rule::random}, {"share", Rule::share},
    {"busiest", Rule::busiest}, {"oldest", Rule::oldest}, {"idle", Rule::idle},
    {"all", Rule::all},
};
constexpr std::uint32_t count_max = 1024;  // as many workers as a pool may have

using Candidates = std::vector<const pool::WorkerStatus*>;

Candidates in_state(const Candidates& all, std::string_view state) {
  Candidates found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found),
               [state](const auto* worker) { return worker->state == state; });
  return found;
}

Candidates drawn(Candidates all, std::size_t count, pool::core::Random& random) {
  count = std::min(count, all.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t offset = random.below(all.size() - i);
    std::swap(all[i], all[i + offset]);
  }
  all.resize(count);
  return all;
}

template <typename Measure>
Candidates greatest(const Candidates& all, Measure measure) {
  const auto best = std::max_element(all.begin(), all.end(), [&](const auto* a, const auto* b) {
    return measure(*a) < measure(*b);
  });
  return best == all.end() ? Candidates{} : Candidates{*best};
}

Candidates matching(const Target& target, const Candidates& all, pool::core::Random& random) {
  switch (target.rule) {
    case Rule::one:
      return drawn(all, 1, random);
    case Rule::random:
      return drawn(all, target.count, random);
    case Rule::share:
      return drawn(all, std::max<std::size_t>(1, (all.size() * target.count + 50) / 100), random);
    case Rule::busiest:
      return greatest(in_state(all, "busy"), [](const auto& worker) { return worker.in_state; });
    case Rule::oldest:
      return greatest(all, [](const auto& worker) { return worker.age; });
    case Rule::idle:
      return drawn(in_state(all, "ready"), 1, random);
    case Rule::all:
      return all;
  }
  return {};
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  for (const auto& [known, rule] : rule_names) {
    if (known != name) continue;
    Target target{.rule = rule};
    const bool counted = rule == Rule::random || rule == Rule::share;
    if (counted != (colon != text.npos)) return {};
    if (!counted) return target;
    const char* first = text.data() + colon + 1;
    const char* last = text.data() + text.size();
    std::errc failed{};
    const char* end = nullptr;
    if (rule == Rule::random) {
      const auto read = std::from_chars(first, last, target.count);
      failed = read.ec;
      end = read.ptr;
    } else {
      double share = 0;
      const auto read = std::from_chars(first, last, share);
      failed = read.ec;
      end = read.ptr;
      target.count = share > 0 && share <= 1 ? static_cast<std::uint32_t>(share * 100 + 0.5) : 0;
    }
    if (failed != std::errc{} || end != last) return {};
    if (target.count < 1 || target.count > count_max) return {};
    return target;
  }
  return {};
}

std::string to_string(const Target& target) {
  for (const auto& [name, rule] : rule_names) {
    if (rule != target.rule) continue;
    if (rule == Rule::share) return fmt::format("{}:{}", name, target.count / 100.0);
    return rule == Rule::random ? fmt::format("{}:{}", name, target.count) : std::string{name};
  }
  return "?";
}

bool serves(const pool::WorkerStatus& worker) {
  return worker.pid > 0 &&
         (worker.state == "ready" || worker.state == "busy" || worker.state == "degraded");
}

std::vector<WorkerId> choose(const Target& target, const pool::Status& status,
                             pool::core::Random& random) {
  Candidates all;
  for (const pool::WorkerStatus& worker : status.workers) {
    if (serves(worker)) all.push_back(&worker);
  }
  std::vector<WorkerId> chosen;
  for (const pool::WorkerStatus* worker : matching(target, all, random)) {
    chosen.push_back({worker->worker, worker->pid});
  }
  return chosen;
}

}  // namespace ordeal::chaos

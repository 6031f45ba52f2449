#include "pool/tools/top_frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "pool/wire/json_text.hpp"

namespace ordeal::pool::tools {
namespace {

using Json = nlohmann::json;

constexpr std::size_t wide_columns = 120;
constexpr const char* bold = "\x1b[1m";
constexpr const char* reverse = "\x1b[7m";
constexpr const char* plain = "\x1b[0m";

std::uint64_t number(const Json& from, const char* name) {
  return from.at(name).get<std::uint64_t>();
}

std::string duration(double milliseconds) {
  if (milliseconds < 1e3) return fmt::format("{:.0f}ms", milliseconds);
  const double seconds = milliseconds / 1e3;
  if (seconds < 60) return fmt::format("{:.1f}s", seconds);
  if (seconds < 3600) return fmt::format("{:.1f}min", seconds / 60);
  return fmt::format("{:.1f}h", seconds / 3600);
}

// What has been counted since the report before, a second.
class Rates {
 public:
  Rates(const Json& now, const Json& before, std::chrono::nanoseconds between)
      : now_(now), before_(before), seconds_(static_cast<double>(between.count()) / 1e9) {}
  [[nodiscard]] std::string of(const char* name) const {
    if (before_.is_null() || seconds_ <= 0) return "-";
    return per_second(number(now_.at("pool"), name), number(before_.at("pool"), name));
  }
  [[nodiscard]] std::string of_worker(const Json& worker) const {
    if (before_.is_null() || seconds_ <= 0) return "-";
    for (const Json& then : before_.at("workers")) {
      if (then.at("worker") == worker.at("worker")) {
        return per_second(number(worker, "served"), number(then, "served"));
      }
    }
    return "-";
  }

 private:
  [[nodiscard]] std::string per_second(std::uint64_t now, std::uint64_t before) const {
    return fmt::format("{:.1f}", static_cast<double>(now - std::min(now, before)) / seconds_);
  }
  const Json& now_;
  const Json& before_;
  double seconds_;
};

struct Line {
  std::string text;  // ASCII: a byte is a column
  const char* style = plain;
};

std::vector<Line> head(const Json& report, const Rates& rates) {
  const Json& run = report.at("run");
  const Json& pool = report.at("pool");
  std::string command;
  for (const Json& word : report.at("command")) {
    command += " " + wire::excerpt(word.get<std::string>());
  }
  std::vector<Line> lines;
  lines.push_back(
      {fmt::format("{} pid {}  {} for {}  generation {}{}{} ",
                   wire::excerpt(report.at("name").get<std::string>()), report.at("pid").get<int>(),
                   report.at("stage").get<std::string>(),
                   duration(run.at("elapsed_ms").get<double>()), number(pool, "generation"),
                   number(pool, "rolling_to") != 0
                       ? fmt::format(", rolling to {}", number(pool, "rolling_to"))
                       : "",
                   command),
       bold});
  lines.push_back(
      {fmt::format("requests  {}/s in, {}/s ok, {}/s failed, {}/s timed out, {}/s rejected",
                   rates.of("submitted"), rates.of("ok"), rates.of("failed"), rates.of("timed_out"),
                   rates.of("rejected"))});
  const Json& latency = run.at("latency_ms");
  lines.push_back({fmt::format("latency   p50 {:.2f} ms, p90 {:.2f} ms, p99 {:.2f} ms",
                               latency.at("p50").get<double>(), latency.at("p90").get<double>(),
                               latency.at("p99").get<double>())});
  const std::string admission = pool.at("admission");
  lines.push_back({fmt::format("queue     {} of {}, {} running, {} backing off{}{}",
                               number(pool, "queue_depth"), number(pool, "queue_max"),
                               number(pool, "running"), number(pool, "backing_off"),
                               number(pool, "limit") == 0
                                   ? ""
                                   : fmt::format(", {} let in at most", number(pool, "limit")),
                               admission == "open" ? "" : "  [" + admission + "]"),
                   admission == "open" ? plain : reverse});
  lines.push_back({fmt::format(
      "workers   {} kept: {} idle, {} busy, {} starting, {} degraded, {} leaving",
      number(pool, "size"), number(pool, "idle"), number(pool, "busy"), number(pool, "starting"),
      number(pool, "degraded"), number(pool, "terminating"))});
  const bool failing = pool.at("start_circuit_open").get<bool>();
  lines.push_back({fmt::format("so far    {} spawned, {} recycled, {} lost, {} stuck, {} ejected, "
                               "{} starts failed{}",
                               number(pool, "spawns"), number(pool, "workers_recycled"),
                               number(pool, "workers_lost"), number(pool, "workers_stuck"),
                               number(pool, "ejections"), number(pool, "start_failures"),
                               failing ? "; starts keep failing" : ""),
                   failing ? reverse : plain});
  return lines;
}

// Those that are open or have failures.
std::vector<Line> breakers(const Json& report) {
  std::vector<Line> lines;
  for (const Json& breaker : report.at("breakers")) {
    const std::string state = breaker.at("state");
    if (state == "closed" && number(breaker, "failures") == 0) continue;
    lines.push_back({fmt::format("breaker   {}: {}, {} failures, {} refused",
                                 wire::excerpt(breaker.at("key").get<std::string>()), state,
                                 number(breaker, "failures"), number(breaker, "rejected")),
                     state == "closed" ? plain : reverse});
  }
  return lines;
}

std::string worker_line(const Json& worker, const Rates& rates, bool wide) {
  const auto rss = worker.value("rss_kib", std::int64_t{-1});
  const std::string mib = rss < 0 ? "?" : fmt::format("{:.1f}", static_cast<double>(rss) / 1024);
  // Of those that are to go why; of those that cannot go on how they are stuck.
  const std::string stuck = worker.value("stuck", "");
  std::string leaves = worker.at("leaves_for");
  if (worker.value("ejected_for_ms", 0.0) > 0) leaves = "ejected";
  if (!stuck.empty()) leaves = "stuck: " + stuck;
  std::string line =
      fmt::format("{:>7} {:>8} {:<12} {:>4} {:>8} {:>9} {:>8} {:>8}", number(worker, "worker"),
                  worker.at("pid").get<int>(), worker.at("state").get<std::string>(),
                  number(worker, "generation"), duration(worker.at("in_state_ms").get<double>()),
                  number(worker, "served"), rates.of_worker(worker), mib);
  if (wide) {
    line += fmt::format(" {:>8} {:<9} {:<14} {}", duration(worker.at("age_ms").get<double>()),
                        worker.at("health").get<std::string>(), leaves,
                        wire::excerpt(worker.value("last_progress", "")));
  } else if (!leaves.empty()) {
    line += " " + leaves;
  }
  return line;
}

std::vector<Line> workers(const Json& report, const Rates& rates, bool wide) {
  std::vector<Line> lines;
  std::string header = fmt::format("{:>7} {:>8} {:<12} {:>4} {:>8} {:>9} {:>8} {:>8}", "worker",
                                   "pid", "state", "gen", "for", "served", "per s", "MiB");
  if (wide) {
    header += fmt::format(" {:>8} {:<9} {:<14} {}", "age", "health", "leaves/stuck", "progress");
  }
  lines.push_back({header, reverse});
  for (const Json& worker : report.at("workers")) {
    const bool well = worker.at("health") != "unhealthy" && worker.value("stuck", "").empty();
    lines.push_back({worker_line(worker, rates, wide), well ? plain : bold});
  }
  return lines;
}

std::string frame_of(const Json& report, const Json& before, std::chrono::nanoseconds between,
                     TerminalSize size) {
  const Rates rates{report, before, between};
  std::vector<Line> lines = head(report, rates);
  const auto add = [&lines](std::vector<Line> more) {
    std::move(more.begin(), more.end(), std::back_inserter(lines));
  };
  add(breakers(report));
  lines.push_back({});
  add(workers(report, rates, size.columns >= wide_columns));
  if (lines.size() > size.rows && size.rows > 0) {
    const std::size_t hidden = lines.size() - size.rows + 1;
    lines.resize(size.rows - 1);
    lines.push_back({fmt::format("... {} more lines", hidden)});
  }
  std::string frame = "\x1b[H";  // to the upper left; each line erases what is left of its old self
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    std::string text = line.text.substr(0, size.columns);
    if (line.style == reverse) text.resize(size.columns, ' ');
    if (i > 0) frame += "\r\n";
    frame += line.style + text + plain + (text.size() < size.columns ? "\x1b[K" : "");
  }
  return frame + "\x1b[J";
}

}  // namespace

Result<std::string> top_frame(std::string_view report, std::string_view before,
                              std::chrono::nanoseconds between, TerminalSize size) {
  try {
    return frame_of(Json::parse(report), before.empty() ? Json{} : Json::parse(before), between,
                    size);
  } catch (const Json::exception& error) {
    return tl::unexpected(make_error(ErrorCode::invalid_arguments,
                                     fmt::format("not the answer of a run: {}", error.what())));
  }
}

}  // namespace ordeal::pool::tools

// Reads Prometheus' text format 0.0.4 as strictly as promtool does, for tests of what we expose.
//
// What it complains of: a family without HELP or TYPE, or torn apart; a series twice; a name or
// label that is none; a counter without _total or that is no whole number, a gauge with _total; a
// histogram whose buckets do not grow, or whose +Inf is not its count; no line break at the end.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::pool::observe {

struct Exposition {
  std::map<std::string, double> series;  // by "name{a="x",b="y"}", labels sorted
  std::map<std::string, std::string> types;
  std::vector<std::string> complaints;

  // NaN if there is no such series.
  [[nodiscard]] double at(const std::string& name) const;
  // Of all series of that metric which have all these labels, each as `a="x"`.
  [[nodiscard]] double sum(std::string_view metric, const std::vector<std::string>& labels) const;
};

[[nodiscard]] Exposition read_exposition(std::string_view text);

}  // namespace ordeal::pool::observe

#include "pool/observe/tests/exposition_reader.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>
#include <set>
#include <sstream>

namespace ordeal::pool::observe {
namespace {

const std::regex& sample_line() {
  static const std::regex line{R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+))re"};
  return line;
}

const std::regex& label_pair() {
  static const std::regex pair{R"re(([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$))re"};
  return pair;
}

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

std::string key_of(const std::string& name, const std::map<std::string, std::string>& labels) {
  std::string key = name + "{";
  for (const auto& [label, value] : labels) {
    key += (key.back() == '{' ? "" : ",") + label + "=\"" + value + "\"";
  }
  return key + "}";
}

class Reader {
 public:
  Exposition read(std::string_view text) {
    if (!text.ends_with('\n')) complain("no line break at the end");
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# HELP ")) {
        help(line.substr(7));
      } else if (line.starts_with("# TYPE ")) {
        type(line.substr(7));
      } else {
        sample(line);
      }
    }
    check_histograms();
    return std::move(made_);
  }

 private:
  void complain(const std::string& what) { made_.complaints.push_back(what); }

  void help(const std::string& rest) {
    const std::size_t blank = rest.find(' ');
    helped_ = rest.substr(0, blank);
    if (blank == std::string::npos || blank + 1 == rest.size()) complain("no help: " + helped_);
  }

  void type(const std::string& rest) {
    const std::size_t blank = rest.find(' ');
    family_ = rest.substr(0, blank);
    const std::string type = rest.substr(blank + 1);
    if (family_ != helped_) complain("no HELP before TYPE: " + family_);
    if (!made_.types.emplace(family_, type).second) complain("family twice: " + family_);
    const bool total = family_.ends_with("_total");
    if (total != (type == "counter")) complain(type + " with a wrong name: " + family_);
  }

  void sample(const std::string& line) {
    std::smatch match;
    if (!std::regex_match(line, match, sample_line())) return complain("no sample: " + line);
    Sample made{.name = match[1], .labels = {}, .value = std::stod(match[3])};
    std::string labels = match[2];
    while (!labels.empty()) {
      std::smatch pair;
      if (!std::regex_search(labels, pair, label_pair(), std::regex_constants::match_continuous)) {
        return complain("no labels: " + line);
      }
      if (!made.labels.emplace(pair[1], pair[2]).second) complain("label twice: " + line);
      labels = pair.suffix();
    }
    if (!belongs(made.name)) complain("sample outside its family " + family_ + ": " + line);
    if (made_.types[family_] == "counter" && made.value != std::floor(made.value)) {
      complain("no whole number: " + line);
    }
    if (!made_.series.emplace(key_of(made.name, made.labels), made.value).second) {
      complain("series twice: " + line);
    }
    samples_.push_back(std::move(made));
  }

  bool belongs(const std::string& name) {
    if (made_.types[family_] != "histogram") return name == family_;
    return name == family_ + "_bucket" || name == family_ + "_sum" || name == family_ + "_count";
  }

  void check_histograms() {
    // Buckets of one histogram, in the order of the lines.
    std::map<std::string, std::vector<std::pair<double, double>>> buckets;
    for (Sample& sample : samples_) {
      if (!sample.labels.contains("le") || !sample.name.ends_with("_bucket")) continue;
      const std::string bound = sample.labels["le"];
      sample.labels.erase("le");
      const std::string base = sample.name.substr(0, sample.name.size() - 7);
      buckets[key_of(base + "_count", sample.labels)].emplace_back(
          bound == "+Inf" ? std::numeric_limits<double>::infinity() : std::stod(bound),
          sample.value);
    }
    for (const auto& [count, list] : buckets) {
      if (!std::is_sorted(list.begin(), list.end()) || !std::isinf(list.back().first) ||
          !std::is_sorted(list.begin(), list.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })) {
        complain("buckets do not grow to +Inf: " + count);
      }
      if (!made_.series.contains(count) || made_.series[count] != list.back().second) {
        complain("+Inf is not the count: " + count);
      }
    }
  }

  Exposition made_;
  std::string helped_;
  std::string family_;
  std::vector<Sample> samples_;
};

}  // namespace

double Exposition::at(const std::string& name) const {
  const auto found = series.find(name);
  return found == series.end() ? std::nan("") : found->second;
}

double Exposition::sum(std::string_view metric, const std::vector<std::string>& labels) const {
  double total = 0;
  for (const auto& [key, value] : series) {
    const bool wanted = key.starts_with(std::string{metric} + "{") &&
                        std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
                          return key.find("{" + label) != std::string::npos ||
                                 key.find("," + label) != std::string::npos;
                        });
    if (wanted) total += value;
  }
  return total;
}

Exposition read_exposition(std::string_view text) { return Reader{}.read(text); }

}  // namespace ordeal::pool::observe

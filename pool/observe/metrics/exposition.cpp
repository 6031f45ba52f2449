#include "pool/observe/metrics/exposition.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>
#include <vector>

#include "pool/observe/metrics/status_rows.hpp"

namespace ordeal::pool::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::string_view prefix = "ordeal_pool_";

constexpr std::string_view label_name(EventLabel label) {
  switch (label) {
    case EventLabel::none:
      return "";
    case EventLabel::code:
      return "code";
    case EventLabel::from:
      return "from";
    case EventLabel::to:
      return "to";
    case EventLabel::reason:
      return "reason";
  }
  return "";
}

class Families {
 public:
  explicit Families(std::string_view pool_name) : pool_name_(pool_name) {}

  // The family of that name: the last one, or a new one behind it.
  MetricFamily& family(std::string_view metric, std::string_view help, MetricType type) {
    const std::string name = std::string{prefix} + std::string{metric};
    if (families_.empty() || families_.back().name != name) {
      families_.push_back({name, std::string{help}, type, {}});
    }
    return families_.back();
  }

  ClientMetric& add(MetricFamily& family) {
    family.metric.emplace_back().label.push_back({"pool", pool_name_});
    return family.metric.back();
  }

  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer{}.Serialize(out, families_);
    return out.str();
  }

 private:
  const std::string pool_name_;
  std::vector<MetricFamily> families_;
};

void label(ClientMetric& metric, std::string_view name, std::string_view value) {
  if (!name.empty()) metric.label.push_back({std::string{name}, std::string{value}});
}

void add_status(Families& families, const Status& status) {
  for (const StatusRow& row : status_rows) {
    const bool counter = row.metric.ends_with("_total");
    MetricFamily& family =
        families.family(row.metric, row.help, counter ? MetricType::Counter : MetricType::Gauge);
    ClientMetric& metric = families.add(family);
    label(metric, row.label, row.value);
    (counter ? metric.counter.value : metric.gauge.value) = row.get(status);
  }
}

bool has_labels(const EventRow& row) { return row.labels[0] != EventLabel::none; }

void add_counted(Families& families, const EventRow& row, const EventMetrics::Series& series) {
  MetricFamily& family = families.family(row.metric, row.help, MetricType::Counter);
  const auto add = [&](const EventMetrics::LabelValues& values, std::uint64_t count) {
    ClientMetric& metric = families.add(family);
    for (std::size_t i = 0; i < values.size(); ++i) {
      label(metric, label_name(row.labels[i]), values[i]);
    }
    label(metric, row.fixed.name, row.fixed.value);
    metric.counter.value = static_cast<double>(count);
  };
  // What is known in advance begins at 0, so that its first increase is one.
  if (!has_labels(row) && series.empty()) add({}, 0);
  for (const auto& [values, count] : series) add(values, count);
}

void add_histogram(Families& families, MetricFamily& family, const Histogram& histogram,
                   std::initializer_list<FixedLabel> labels = {}) {
  ClientMetric& metric = families.add(family);
  for (const FixedLabel& given : labels) label(metric, given.name, given.value);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < Histogram::bucket_count; ++i) {
    cumulative += histogram.buckets()[i];
    metric.histogram.bucket.push_back(
        {cumulative, static_cast<double>(Histogram::bounds_ns[i]) / 1e9});
  }
  metric.histogram.sample_count = histogram.count();
  metric.histogram.sample_sum = histogram.sum_seconds();
}

void add_durations(Families& families, const EventMetrics::View& view) {
  const auto family = [&](std::string_view metric, std::string_view help) -> MetricFamily& {
    return families.family(metric, help, MetricType::Histogram);
  };
  add_histogram(families,
                family("queue_wait_seconds", "Time that an attempt waited for its worker."),
                view.requests.queue_wait());
  add_histogram(families, family("service_seconds", "Time that an attempt held its worker."),
                view.requests.service());
  MetricFamily& total =
      family("request_duration_seconds",
             "Time from submit to outcome: waiting, all attempts, and the pauses between them.");
  add_histogram(families, total, view.requests.total_ok(), {{"result", "ok"}});
  add_histogram(families, total, view.requests.total_error(), {{"result", "error"}});
  for (const auto& [command, times] : view.commands) {
    MetricFamily& by_command = family(
        "command_duration_seconds",
        "As request_duration_seconds, by command; without leases. The last of 50 commands is "
        "\"other\".");
    add_histogram(families, by_command, times.ok, {{"command", command}, {"result", "ok"}});
    add_histogram(families, by_command, times.error, {{"command", command}, {"result", "error"}});
  }
  add_histogram(families,
                family("worker_start_seconds", "Time from a worker's spawning to its readiness."),
                view.worker_start);
  for (std::size_t row = 0; row < event_rows.size(); ++row) {
    const EventRow& rule = event_rows[row];
    if (!rule.seconds.empty()) {
      add_histogram(families, family(rule.seconds, rule.seconds_help), view.timed[row],
                    {rule.fixed});
    }
  }
}

}  // namespace

std::string exposition(std::string_view pool_name, const Status& status,
                       const EventMetrics& events) {
  Families families{pool_name};
  add_status(families, status);
  events.read([&](const EventMetrics::View& view) {
    for (std::size_t row = 0; row < event_rows.size(); ++row) {
      if (!event_rows[row].metric.empty()) {
        add_counted(families, event_rows[row], view.counted[row]);
      }
    }
    add_durations(families, view);
  });
  return families.text();
}

}  // namespace ordeal::pool::observe

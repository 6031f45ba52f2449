#include "pool/observe/metrics/event_metrics.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "pool/core/names.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::observe {
namespace {

std::string_view label_value(EventLabel label, const PoolEvent& event) {
  switch (label) {
    case EventLabel::none:
      return {};
    case EventLabel::code:
      return to_string(event.code);
    case EventLabel::from:
      return event.from;
    case EventLabel::to:
      return event.to;
    case EventLabel::reason:
      return event.reason;
  }
  return {};
}

// What an event's name stands for. There are some for each request: its name is looked up, not
// compared with each.
struct Meaning {
  std::size_t row = 0;
  std::optional<core::Occurrence> what;  // none: the runtime's own
};

const Meaning* meaning_of(std::string_view name) {
  static const auto meanings = [] {
    std::unordered_map<std::string_view, Meaning> all;
    for (std::size_t row = 0; row < event_rows.size(); ++row) {
      const std::string_view text = event_rows[row].what.text;
      all[text] = {row, core::value_of<core::Occurrence>(text)};
    }
    return all;
  }();
  const auto found = meanings.find(name);
  return found == meanings.end() ? nullptr : &found->second;
}

}  // namespace

void EventMetrics::note(const PoolEvent& event) {
  const Meaning* const meaning = meaning_of(event.what);
  if (meaning == nullptr) return;
  const std::lock_guard lock{mutex_};
  const EventRow& row = event_rows[meaning->row];
  if (!row.metric.empty()) count(meaning->row, event);
  if (!row.seconds.empty()) timed_[meaning->row].observe(event.duration);
  if (!meaning->what) return;
  requests_.note(*meaning->what, event);
  time_start(*meaning->what, event);
  if (*meaning->what == core::Occurrence::request_resolved) time_command(event);
}

void EventMetrics::count(std::size_t row, const PoolEvent& event) {
  const EventRow& rule = event_rows[row];
  LabelValues values;
  for (std::size_t i = 0; i < rule.labels.size(); ++i) {
    if (rule.labels[i] == EventLabel::code && event.code == ErrorCode::none) return;
    values[i] = label_value(rule.labels[i], event);
  }
  Series& series = counted_[row];
  const auto found = series.find(values);
  if (found != series.end()) {
    ++found->second;
    return;
  }
  // The last place is for all that do not fit.
  if (series.size() + 1 >= series_max) {
    for (std::size_t i = 0; i < rule.labels.size(); ++i) {
      if (rule.labels[i] != EventLabel::none) values[i] = "other";
    }
  }
  ++series[values];
}

void EventMetrics::time_start(core::Occurrence what, const PoolEvent& event) {
  if (what == core::Occurrence::worker_spawning) {
    starting_[event.worker] = event.at;
    if (starting_.size() > starts_max) starting_.erase(starting_.begin());
  } else if (what == core::Occurrence::worker_transition) {
    const auto found = starting_.find(event.worker);
    if (found == starting_.end()) return;
    if (event.to == core::name_of(core::WorkerState::ready)) {
      worker_start_.observe(event.at - found->second);
    }
    starting_.erase(found);
  }
}

void EventMetrics::time_command(const PoolEvent& event) {
  if (event.command.empty()) return;
  // An event has its first bytes, which may end within a character.
  std::string_view name{event.command};
  name = name.substr(0, wire::valid_utf8_prefix(name));
  auto found = commands_.find(name);
  if (found == commands_.end()) {
    const bool is_room = commands_.size() + 1 < commands_max;
    found = commands_.try_emplace(is_room ? std::string{name} : "other").first;
  }
  (event.code == ErrorCode::none ? found->second.ok : found->second.error).observe(event.duration);
}

void EventMetrics::read(const std::function<void(const View&)>& read) const {
  const std::lock_guard lock{mutex_};
  read(View{counted_, timed_, requests_, worker_start_, commands_});
}

}  // namespace ordeal::pool::observe

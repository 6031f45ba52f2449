#include "pool/tools/migration_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace ordeal::pool::tools {
namespace {

using Place = std::pair<std::pair<DifferenceKind, std::string>, std::uint64_t>;

std::vector<Place> most_frequent_first(const MigrationReport& report) {
  std::vector<Place> places(report.by_place.begin(), report.by_place.end());
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.second > b.second; });
  return places;
}

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

nlohmann::ordered_json to_json(const VersionFigures& figures) {
  return {{"answered", figures.answered},
          {"failed", figures.failed},
          {"latency_ms", milliseconds(figures.latency)}};
}

std::string sentence_of(std::string_view version, const VersionFigures& figures) {
  return fmt::format("the {} version answered {}, {} of them with an error; latency {:.2f} ms",
                     version, figures.answered, figures.failed, milliseconds(figures.latency));
}

}  // namespace

std::vector<std::string> migration_sentences(const MigrationReport& report) {
  std::vector<std::string> said;
  if (report.state == MigrationState::shadowing) {
    said.push_back(fmt::format("shadow: {} of {} requests were sent twice and compared, {} alike",
                               report.compared, report.requests, report.alike));
    for (const auto& [difference, count] : most_frequent_first(report)) {
      said.push_back(fmt::format("  {:>6}  {} {}", count, to_string(difference.first),
                                 difference.second.empty() ? "(the whole)" : difference.second));
    }
    const std::uint64_t kept = report.kept_for_effects + report.kept_for_session;
    if (kept + report.not_compared > 0) {
      said.push_back(
          fmt::format("shadow: not compared: {} not idempotent, {} in a session, {} without "
                      "two answers that say something",
                      report.kept_for_effects, report.kept_for_session, report.not_compared));
    }
  } else {
    said.push_back(
        report.reason.empty()
            ? fmt::format("rollout: {}, share {:g}", to_string(report.state), report.share)
            : fmt::format("rollout: {}: {}", to_string(report.state), report.reason));
    if (report.kept_for_session > 0) {
      said.push_back(fmt::format("rollout: {} requests in a session stayed with the old version",
                                 report.kept_for_session));
    }
  }
  said.push_back(sentence_of("old", report.old_version));
  said.push_back(sentence_of("new", report.new_version));
  return said;
}

std::string migration_json(const MigrationReport& report) {
  nlohmann::ordered_json kinds = nlohmann::ordered_json::object();
  for (const auto& [kind, count] : report.by_kind) kinds[std::string(to_string(kind))] = count;
  nlohmann::ordered_json places = nlohmann::ordered_json::array();
  for (const auto& [difference, count] : most_frequent_first(report)) {
    places.push_back(
        {{"kind", to_string(difference.first)}, {"place", difference.second}, {"count", count}});
  }
  const nlohmann::ordered_json all{{"state", to_string(report.state)},
                                   {"reason", report.reason},
                                   {"share", report.share},
                                   {"stage", report.stage},
                                   {"requests", report.requests},
                                   {"kept_for_session", report.kept_for_session},
                                   {"kept_for_effects", report.kept_for_effects},
                                   {"compared", report.compared},
                                   {"alike", report.alike},
                                   {"not_compared", report.not_compared},
                                   {"by_kind", kinds},
                                   {"differences", places},
                                   {"old_version", to_json(report.old_version)},
                                   {"new_version", to_json(report.new_version)}};
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

bool is_alike(const MigrationReport& report) {
  return report.state != MigrationState::rolled_back && report.alike == report.compared;
}

}  // namespace ordeal::pool::tools

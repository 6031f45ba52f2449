#include "chaos/journal/journal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace ordeal::chaos {

pool::Result<Journal> Journal::open(const std::string& file) {
  Journal journal;
  journal.file_.reset(std::fopen(file.c_str(), "we"));
  if (!journal.file_) {
    return tl::unexpected(
        pool::make_error(pool::ErrorCode::invalid_option,
                         fmt::format("journal {}: {}", file, std::strerror(errno))));
  }
  journal.opened_at_ = std::chrono::steady_clock::now();
  return journal;
}

pool::Result<Journal> Journal::reopen(const std::string& file) {
  double last_ms = 0;
  bool cut_off = false;
  std::ifstream lines{file};
  for (std::string text; std::getline(lines, text);) {
    const auto line = nlohmann::json::parse(text, nullptr, false);
    cut_off = line.is_discarded();
    if (!cut_off) last_ms = line.value("t_ms", last_ms);
  }
  Journal journal;
  journal.file_.reset(std::fopen(file.c_str(), "ae"));
  if (!journal.file_) {
    return tl::unexpected(
        pool::make_error(pool::ErrorCode::invalid_option,
                         fmt::format("journal {}: {}", file, std::strerror(errno))));
  }
  if (cut_off) std::fputc('\n', journal.file_.get());
  const std::chrono::duration<double, std::milli> since{last_ms};
  journal.opened_at_ = std::chrono::steady_clock::now() -
                       std::chrono::duration_cast<std::chrono::steady_clock::duration>(since);
  return journal;
}

void Journal::note(std::string_view event, const nlohmann::json& members) {
  note_at(std::chrono::steady_clock::now(), event, members);
}

void Journal::note_at(std::chrono::steady_clock::time_point at, std::string_view event,
                      const nlohmann::json& members) {
  if (!file_) return;
  const auto since = at - opened_at_;
  nlohmann::ordered_json line;
  line["t_ms"] = std::chrono::duration<double, std::milli>(since).count();
  line["event"] = event;
  for (const auto& [name, value] : members.items()) line[name] = value;
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), file_.get());
  std::fflush(file_.get());
}

}  // namespace ordeal::chaos

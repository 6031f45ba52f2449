// The journal of a run: one JSON object a line, written as it happens, so that a run which dies
// leaves its story behind. Each line has `t_ms` (since the journal was opened) and `event`.
//
// Thread safety: belongs to one thread.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::chaos {

// Version of the lines: schema.json says what they are, check_journal.py holds journals to it.
inline constexpr int journal_schema = 3;

class Journal {
 public:
  Journal() = default;  // writes nothing
  // Errors: invalid_option, if the file cannot be written.
  [[nodiscard]] static pool::Result<Journal> open(const std::string& file);

  // Goes on with one that its run could not end: the clock goes on from its last whole line.
  [[nodiscard]] static pool::Result<Journal> reopen(const std::string& file);

  // What `t_ms` counts from.
  [[nodiscard]] std::chrono::steady_clock::time_point opened_at() const { return opened_at_; }
  // REQUIRES: `members` is a JSON object without `t_ms` and `event`.
  void note(std::string_view event, const nlohmann::json& members);
  // Of something that happened a moment ago.
  void note_at(std::chrono::steady_clock::time_point at, std::string_view event,
               const nlohmann::json& members);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::chrono::steady_clock::time_point opened_at_;
};

}  // namespace ordeal::chaos

// What a shadow or a rollout has shown: sentences for the terminal, one JSON object for a file.
#pragma once

#include <string>
#include <vector>

#include "ordeal/pool/migration.hpp"

namespace ordeal::pool::tools {

[[nodiscard]] std::vector<std::string> migration_sentences(const MigrationReport& report);
// One line. Members as in MigrationReport; `differences`: {kind, place, count}, most frequent
// first.
[[nodiscard]] std::string migration_json(const MigrationReport& report);
// Whether the new version is as good as the old one, as far as it was seen.
[[nodiscard]] bool is_alike(const MigrationReport& report);

}  // namespace ordeal::pool::tools

// A journal as one HTML page that needs nothing else: no network, no other file.
#pragma once

#include <string>

#include "chaos/faults/fault.hpp"

namespace ordeal::chaos {

// Errors: a sentence with the file's name.
[[nodiscard]] Attempt<void> write_report(const std::string& journal_file,
                                         const std::string& page_file);

}  // namespace ordeal::chaos

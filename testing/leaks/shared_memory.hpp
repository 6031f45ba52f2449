// Shared memory that a test is answerable for: what this process has mapped, segments of System V
// that its family made, and names in /dev/shm that no process outside the family uses.
//
// A name there has no owner process; so a new one counts unless somebody else has it open or
// mapped. What another program has made and forgotten in the very same moment would be taken for
// the test's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "testing/leaks/process_table.hpp"

namespace ordeal::trial {

// key: what it is, in words. `family`: the test's processes besides this one.
[[nodiscard]] std::map<std::string, std::string> shared_memory_of(
    const std::vector<ProcessEntry>& family);
// Whether somebody outside the family has it open or mapped: then it is not the test's.
[[nodiscard]] bool is_used_by_others(const std::string& key,
                                     const std::vector<ProcessEntry>& family);
// Removes what can be: names, segments.
void remove_shared_memory(const std::string& key);

}  // namespace ordeal::trial

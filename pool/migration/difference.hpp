// How the answers of two versions of a worker differ, by kind. Pure; of payloads it tells places
// and types, never values.
//
// The order of an object's members says nothing, nor does the way a number is written (1, 1.0,
// 1e0).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/call.hpp"
#include "ordeal/pool/migration.hpp"

namespace ordeal::pool::migration {

// A reply, or the error, of one version.
using Answer = Result<Reply>;

// The differences, at most `differences_max` of them, in the order of the first answer; empty if
// the answers are alike. A result that is no JSON that can be compared is a difference of kind
// `value` unless both texts are the same.
inline constexpr std::size_t differences_max = 16;
[[nodiscard]] std::vector<Difference> compare(const Answer& first, const Answer& second,
                                              const CompareRules& rules);

// Whether an answer says anything of the version that gave it. Not so: the caller gave up or made a
// mistake, the pool had no room or was stopping.
[[nodiscard]] bool says_something(const Answer& answer);

// Rules in which a place is no JSON pointer: what is wrong with it; empty if nothing is.
[[nodiscard]] std::string broken_rule(const CompareRules& rules);

}  // namespace ordeal::pool::migration

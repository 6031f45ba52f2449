// A test says what it proves, as a property in the XML report of the run:
//
//   cites(11, 12);          // invariants of the behaviour spec, part B
//   cites_bug_class(2);     // classes of bugs seen in other pools
//   cites_property(14);     // properties of retries, breakers and queues
//
// scripts/invariants collects them from the tests that ran; numbers and statements are in
// testing/cites/statements.txt. Called in a test's body, as often as wanted.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ordeal {
namespace trial {

inline constexpr const char* citation_key = "cites";

// GoogleTest keeps only the last value of a key, so each call adds to what the test said before.
inline void cite(std::string_view kind, int number) {
  std::string all;
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  for (int i = 0; test != nullptr && i < test->result()->test_property_count(); ++i) {
    const auto& property = test->result()->GetTestProperty(i);
    if (std::string_view{property.key()} == citation_key) all = property.value();
  }
  const std::string citation = std::string{kind} + ":" + std::to_string(number);
  // A property's body runs many times.
  if ((" " + all + " ").find(" " + citation + " ") != std::string::npos) return;
  if (!all.empty()) all += ' ';
  all += citation;
  ::testing::Test::RecordProperty(citation_key, all);
}

}  // namespace trial

// Names that every test's namespace sees, since all are inside ordeal.
template <typename... Numbers>
void cites(Numbers... numbers) {
  (trial::cite("invariant", numbers), ...);
}
template <typename... Numbers>
void cites_bug_class(Numbers... numbers) {
  (trial::cite("bug", numbers), ...);
}
template <typename... Numbers>
void cites_property(Numbers... numbers) {
  (trial::cite("property", numbers), ...);
}

}  // namespace ordeal

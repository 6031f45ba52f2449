#include "chaos/tools/print.hpp"

#include <fmt/format.h>

namespace ordeal::chaos {
namespace {

using Kind = trial::Verdict::Kind;

std::string_view mark(Kind kind) {
  switch (kind) {
    case Kind::pass:
      return "ok";
    case Kind::fail:
      return "FAIL";
    case Kind::unknown:
      return "open";
  }
  return "?";
}

}  // namespace

void print_checks(const std::vector<Check>& checks) {
  for (const Check& check : checks) {
    fmt::print("  {:<4}  {}\n", mark(check.verdict.kind()), check.sentence);
    for (const std::string& sentence : check.verdict.evidence()) {
      fmt::print("          {}\n", sentence);
    }
  }
}

}  // namespace ordeal::chaos

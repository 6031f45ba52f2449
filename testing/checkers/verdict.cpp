#include "testing/checkers/verdict.hpp"

namespace ordeal::trial {

void Verdict::add(const Verdict& other) {
  if (other.kind_ > kind_) {
    *this = other;
  } else if (other.kind_ == kind_) {
    evidence_.insert(evidence_.end(), other.evidence_.begin(), other.evidence_.end());
  }
}

std::string_view to_string(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::pass:
      return "pass";
    case Verdict::Kind::unknown:
      return "unknown";
    case Verdict::Kind::fail:
      return "fail";
  }
  return "?";
}

}  // namespace ordeal::trial

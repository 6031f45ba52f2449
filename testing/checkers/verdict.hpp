// What a checker says: pass, fail with evidence, or unknown with a reason. Unknown is not a pass.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ordeal::trial {

class Verdict {
 public:
  enum class Kind : std::uint8_t {
    pass,
    unknown,
    fail
  };
  [[nodiscard]] static Verdict pass() { return {Kind::pass, {}}; }
  [[nodiscard]] static Verdict fail(std::vector<std::string> evidence) {
    return {Kind::fail, std::move(evidence)};
  }
  [[nodiscard]] static Verdict unknown(std::string reason) {
    return {Kind::unknown, {std::move(reason)}};
  }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool passed() const { return kind_ == Kind::pass; }
  // Sentences: what is wrong, or why nothing can be said. Empty for a pass.
  [[nodiscard]] const std::vector<std::string>& evidence() const { return evidence_; }

  // The worse of two, with the evidence of both if they are as bad: fail > unknown > pass.
  void add(const Verdict& other);

 private:
  Verdict(Kind kind, std::vector<std::string> evidence)
      : kind_(kind), evidence_(std::move(evidence)) {}
  Kind kind_;
  std::vector<std::string> evidence_;
};

[[nodiscard]] std::string_view to_string(Verdict::Kind kind);

}  // namespace ordeal::trial

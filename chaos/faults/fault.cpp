#include "chaos/faults/fault.hpp"

#include <fmt/format.h>

#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {

std::string_view to_string(Aim aim) {
  switch (aim) {
    case Aim::worker:
      return "worker";
    case Aim::fork_template:
      return "template";
    case Aim::spare:
      return "spare";
    case Aim::warden:
      return "warden";
    case Aim::host:
      return "host";
    case Aim::starts:
      return "starts";
    case Aim::store:
      return "store";
    case Aim::model:
      return "model";
  }
  return "?";
}

std::string_view to_string(Strike::State state) {
  switch (state) {
    case Strike::State::skipped:
      return "skipped";
    case Strike::State::selected:
      return "selected";
    case Strike::State::injected:
      return "injected";
    case Strike::State::unproved:
      return "unproved";
    case Strike::State::proved:
      return "proved";
    case Strike::State::undo_failed:
      return "undo_failed";
    case Strike::State::undone:
      return "undone";
    case Strike::State::recovered:
      return "recovered";
  }
  return "?";
}

bool Strike::over() const {
  return state == State::skipped || state == State::undo_failed || state == State::recovered;
}

std::string OptionSpec::text_of(std::int64_t value) const {
  for (const NamedValue& named : names) {
    if (named.value == value) return std::string{named.name};
  }
  return std::to_string(value);
}

std::string OptionSpec::allowed() const {
  if (names.empty()) return fmt::format("{} to {}", min, max);
  std::string text;
  for (const NamedValue& named : names) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", named.name);
  }
  return text;
}

const OptionSpec* FaultKind::option(std::string_view name_of) const {
  for (const OptionSpec& spec : options) {
    if (spec.name == name_of) return &spec;
  }
  return nullptr;
}

std::string FaultKind::describe(const Values& values) const {
  std::string text;
  for (const auto& [name_of, value] : values) {
    const OptionSpec* spec = option(name_of);
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of,
                        spec != nullptr ? spec->text_of(value) : std::to_string(value));
  }
  return text.empty() ? std::string{name} : fmt::format("{} ({})", name, text);
}

Values FaultKind::defaults() const {
  Values values;
  for (const OptionSpec& option : options) values.emplace(option.name, option.standard);
  return values;
}

void undo_by_release(FaultKind& kind) {
  kind.undo = [](const json&, std::shared_ptr<void>& resource) -> Attempt<std::string> {
    const bool was_there = resource != nullptr;
    resource.reset();
    return was_there ? "let go of" : "nothing was held";
  };
  kind.undone = [](const json&) { return true; };
}

}  // namespace ordeal::chaos

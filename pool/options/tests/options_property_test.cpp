// For any text: the readers answer with options or an error, never with a crash; and whatever they
// accept is printed so that it reads back the same.
#include <gtest/gtest.h>
// Needs gtest's declarations before it.
#include <rapidcheck/gtest.h>

#include "ordeal/pool/options.hpp"
#include "pool/options/table.hpp"

namespace ordeal::pool {
namespace {

void answers_and_reads_back(const std::string& text) {
  const Result<Options> options = options_from_toml(text, "any");
  if (!options) {
    RC_ASSERT(!options.error().message.empty());
    return;
  }
  Options given = *options;
  if (given.command.empty()) given.command = {"worker"};
  const Result<Options> again = options_from_toml(to_toml(given), "printed");
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == given);
}

rc::Gen<std::string> any_name() {
  std::vector<std::string> names = {"", "environment.A", "retry", "pool", "\"quoted\"", "sizes"};
  for (const options::Descriptor& option : options::descriptors()) names.emplace_back(option.name);
  return rc::gen::elementOf(names);
}

// Text that looks like TOML gets past the parser much more often than bytes do.
rc::Gen<std::string> any_value() {
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](auto n) { return std::to_string(n); }),
      rc::gen::map(rc::gen::inRange(0, 3000), [](auto n) { return std::to_string(n); }),
      rc::gen::map(rc::gen::string<std::string>(),
                   [](const std::string& s) { return options::in_quotes(s); }),
      rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::string<std::string>()),
                   [](const auto& list) { return options::to_text(list); }),
      rc::gen::elementOf(std::vector<std::string>{"true", "false", "'all'", "'off'", "[", "[]",
                                                  "{}", "{ A = '1' }", "1.5", "2001-01-01", "",
                                                  "'''", "[[['x']]]", "\"\\u0000\"", "0xff",
                                                  "'none'"}));
}

RC_GTEST_PROP(OptionsProperty, any_bytes_are_answered, ()) {
  answers_and_reads_back(*rc::gen::string<std::string>());
}

RC_GTEST_PROP(OptionsProperty, anything_like_toml_is_answered, ()) {
  std::string text;
  for (int line = *rc::gen::inRange(0, 6); line > 0; --line)
    text += *any_name() + " = " + *any_value() + "\n";
  answers_and_reads_back(text);
}

RC_GTEST_PROP(OptionsProperty, any_text_of_a_command_line_is_answered, ()) {
  Options options;
  options.command = {"worker"};
  const Options before = options;
  const std::string name = *rc::gen::oneOf(any_name(), rc::gen::string<std::string>());
  const std::string text = *rc::gen::oneOf(any_value(), rc::gen::string<std::string>());
  if (set_option(options, name, text)) {
    const Result<Options> again = options_from_toml(to_toml(options), "printed");
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == options);
  } else {
    RC_ASSERT(options == before);
  }
}

}  // namespace
}  // namespace ordeal::pool

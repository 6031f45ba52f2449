// Options: any file, and any value for any name, is taken or refused with a sentence.
#include "ordeal/pool/options.hpp"
#include "testing/fuzz/choices.hpp"

using ordeal::trial::Choices;
using ordeal::trial::must;
namespace pool = ordeal::pool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices{data, size};
  const bool one_value = choices.below(2) == 1;
  const std::string_view text = choices.rest();
  if (one_value) {
    const std::size_t cut = std::min(text.find('='), text.size());
    pool::Options options;
    const auto set =
        pool::set_option(options, text.substr(0, cut), text.substr(std::min(cut + 1, text.size())));
    must(set || !set.error().message.empty(), "a value that is refused gets a sentence");
    (void)pool::validate(options);
    return 0;
  }
  const auto options = pool::options_from_toml(text, "fuzz.toml");
  if (!options) {
    must(options.error().message.starts_with("fuzz.toml"), "a refusal names the file");
    return 0;
  }
  const auto valid = pool::validate(*options);
  must(valid || !valid.error().message.empty(), "options that are refused get a sentence");
  if (!valid) return 0;  // without a command, say: what is printed is refused likewise
  const auto again = pool::options_from_toml(pool::to_toml(*options), "printed");
  must(again.has_value(), again ? "" : again.error().message);
  must(pool::to_toml(*again) == pool::to_toml(*options), "what is printed is read as it was");
  return 0;
}

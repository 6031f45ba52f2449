// Experiment files: any text is a plan, with a schedule, or is refused in words that name the file.
#include "chaos/experiment/plan.hpp"
#include "chaos/faults/registry.hpp"
#include "testing/fuzz/choices.hpp"

namespace chaos = ordeal::chaos;
using ordeal::trial::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const chaos::Registry faults = chaos::all_faults();
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  auto plan = chaos::plan_from_toml(text, "fuzz.toml", faults, "/mock");
  if (!plan) {
    must(plan.error().message.starts_with("fuzz.toml"), "a refusal names the file");
    return 0;
  }
  chaos::draw_schedule(*plan);
  const auto once = plan->shots.size();
  chaos::draw_schedule(*plan);
  must(plan->shots.size() == once, "a schedule that is drawn again is the same");
  return 0;
}

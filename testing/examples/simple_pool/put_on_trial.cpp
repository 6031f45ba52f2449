// simple_pool_on_trial [first_draft|mended]: what the trial says of the simple pool.
#include <fmt/format.h>

#include <string_view>

#include "testing/contract/apart.hpp"
#include "testing/examples/simple_pool/trial_of_simple_pool.hpp"

int main(int count, char** arguments) {
  const bool mended = count > 1 && std::string_view{arguments[1]} == "mended";
  const auto reports = ordeal::trial::run_contract_apart(
      simple_pool::on_trial(mended ? simple_pool::Flaws{} : simple_pool::first_draft()),
      {.patience = std::chrono::seconds{2}, .at_once = 16});
  fmt::print("{}", ordeal::trial::summary_of(reports));
  return 0;
}

// Targets with a defect: what a trial must find out. Each wraps a good one.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "testing/load/load_target.hpp"

namespace ordeal::trial {

enum class Sabotage : std::uint8_t {
  swap_replies,  // two callers get each other's reply, once
  fail_all,      // every call fails
  lose_one       // one call never returns
};

[[nodiscard]] std::optional<Sabotage> parse_sabotage(std::string_view name);  // "swap-replies" ...

[[nodiscard]] std::shared_ptr<LoadTarget> sabotaged(Sabotage how,
                                                    std::shared_ptr<LoadTarget> target);

}  // namespace ordeal::trial

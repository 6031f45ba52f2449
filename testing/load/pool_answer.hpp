// What a call through the pool came to, as a load target tells it.
#pragma once

#include "ordeal/pool/pool.hpp"
#include "testing/load/load_target.hpp"

namespace ordeal::trial {

[[nodiscard]] Answer answer_of(pool::Error error);
[[nodiscard]] Answer answer_of(pool::Result<pool::Reply> reply);

}  // namespace ordeal::trial

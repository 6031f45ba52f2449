// A line of output: the outcome of one request. Pure.
//
//     {"line":1,"id":"a-1","outcome":"ok","result":{"x": 1},"worker":2,"attempts":1,
//      "queued_ms":0.031,"service_ms":0.412}
//     {"line":2,"outcome":"indeterminate","error":{"code":"worker_died",...},"worker":3,
//      "attempts":1}
//
// `id` is the exact text that was given; `result` the exact text that the worker sent, but for line
// breaks between its tokens, which become blanks. A result with NaN or Infinity, which are not
// JSON, is the failure unrepresentable_value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ordeal/pool/call.hpp"
#include "ordeal/pool/error.hpp"

namespace ordeal::pool::tools {

enum class Outcome : std::uint8_t {
  ok,
  failed,
  indeterminate
};

struct OutcomeLine {
  Outcome outcome = Outcome::ok;
  std::string text;  // with its line break
};

// `line` counts from 1; `id` is JSON text, empty if none was given.
[[nodiscard]] OutcomeLine make_outcome_line(std::uint64_t line, std::string_view id,
                                            Result<Reply> result);

}  // namespace ordeal::pool::tools

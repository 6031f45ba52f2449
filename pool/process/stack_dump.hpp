// The stacks that Python's faulthandler wrote, picked out of what else a worker says on stderr.
#pragma once

#include <string>
#include <string_view>

namespace ordeal::pool::process {

// The lines of the dumps in `text`, bounded by `bytes_max` (the first ones are kept: innermost
// frames come first). Empty if there are none. Holds names of files and functions and numbers of
// lines; never values.
[[nodiscard]] std::string find_stacks(std::string_view text, std::size_t bytes_max = 16 * 1024);

}  // namespace ordeal::pool::process

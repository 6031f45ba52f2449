// Python's random.Random(seed).getrandbits(8 * count).to_bytes(count, "big"): the noise of the
// zoo's `garbage`, which must be the same in every language.
#pragma once

#include <cstdint>
#include <string>

namespace ordeal::trial {

[[nodiscard]] std::string python_random_bytes(std::uint64_t seed, std::size_t count);

}  // namespace ordeal::trial

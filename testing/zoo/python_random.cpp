#include "testing/zoo/python_random.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace ordeal::trial {
namespace {

// MT19937 seeded by an array, as its authors' init_by_array does; std::mt19937 has another way.
class MersenneTwister {
 public:
  explicit MersenneTwister(const std::vector<std::uint32_t>& key) {
    begin_with(19650218U);
    std::size_t i = 1;
    std::size_t j = 0;
    const auto next_place = [&] {
      if (++i < words) return;
      state_[0] = state_[words - 1];
      i = 1;
    };
    for (std::size_t k = std::max(words, key.size()); k > 0; --k) {
      state_[i] = (state_[i] ^ (mixed(i - 1) * 1664525U)) + key[j] + static_cast<std::uint32_t>(j);
      next_place();
      if (++j >= key.size()) j = 0;
    }
    for (std::size_t k = words - 1; k > 0; --k) {
      state_[i] = (state_[i] ^ (mixed(i - 1) * 1566083941U)) - static_cast<std::uint32_t>(i);
      next_place();
    }
    state_[0] = 0x80000000U;
  }

  std::uint32_t next() {
    if (at_ == words) turn();
    std::uint32_t y = state_[at_++];
    y ^= y >> 11U;
    y ^= (y << 7U) & 0x9d2c5680U;
    y ^= (y << 15U) & 0xefc60000U;
    return y ^ (y >> 18U);
  }

 private:
  static constexpr std::size_t words = 624;
  static constexpr std::size_t middle = 397;

  void begin_with(std::uint32_t seed) {
    state_[0] = seed;
    for (std::size_t i = 1; i < words; ++i) {
      state_[i] = 1812433253U * mixed(i - 1) + static_cast<std::uint32_t>(i);
    }
  }
  [[nodiscard]] std::uint32_t mixed(std::size_t i) const { return state_[i] ^ (state_[i] >> 30U); }
  void turn() {
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint32_t y = (state_[i] & 0x80000000U) | (state_[(i + 1) % words] & 0x7fffffffU);
      state_[i] = state_[(i + middle) % words] ^ (y >> 1U) ^ ((y & 1U) != 0 ? 0x9908b0dfU : 0U);
    }
    at_ = 0;
  }

  std::array<std::uint32_t, words> state_{};
  std::size_t at_ = words;
};

}  // namespace

std::string python_random_bytes(std::uint64_t seed, std::size_t count) {
  std::vector<std::uint32_t> key{static_cast<std::uint32_t>(seed)};
  if (seed >> 32U != 0) key.push_back(static_cast<std::uint32_t>(seed >> 32U));
  MersenneTwister twister(key);
  std::string bytes;  // least significant first, a word at a time
  for (std::size_t left = count; left > 0;) {
    const std::size_t here = std::min<std::size_t>(left, 4);
    const std::uint32_t word = twister.next() >> (32U - 8U * static_cast<unsigned>(here));
    for (std::size_t i = 0; i < here; ++i) bytes += static_cast<char>(word >> (8U * i));
    left -= here;
  }
  std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

}  // namespace ordeal::trial

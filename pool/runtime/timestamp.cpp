#include "pool/runtime/timestamp.hpp"

#include <array>
#include <chrono>
#include <ctime>

namespace ordeal::pool::runtime {
namespace {

constexpr std::size_t millisecond_offset = 20;  // of "123" in the text

struct Cache {
  std::time_t second = -1;
  std::array<char, 25> text{};  // "2026-11-23T17:20:05.123Z" and its end
};

}  // namespace

std::string_view wall_timestamp() {
  thread_local Cache cache;
  const auto since_epoch =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())
          .time_since_epoch()
          .count();
  const std::time_t second = since_epoch / 1000;
  if (second != cache.second) {  // the date changes once a second, the rest is three digits
    std::tm parts{};
    gmtime_r(&second, &parts);
    std::strftime(cache.text.data(), cache.text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    cache.second = second;
  }
  auto left = static_cast<int>(since_epoch % 1000);
  for (std::size_t digit = 3; digit-- > 0; left /= 10) {
    cache.text[millisecond_offset + digit] = static_cast<char>('0' + left % 10);
  }
  return {cache.text.data(), cache.text.size() - 1};
}

}  // namespace ordeal::pool::runtime

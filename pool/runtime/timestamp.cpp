#include "pool/runtime/timestamp.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>

namespace ordeal::pool::runtime {
namespace {

constexpr std::size_t millisecond_offset = 20;  // of "123" in the text

struct Cache {
  std::time_t second = -1;
  std::array<char, 25> text{};  // "2026-11-23T17:20:05.123Z" and its end
};

std::string_view as_text(Cache& cache, std::int64_t since_epoch_ms) {
  const std::time_t second = since_epoch_ms / 1000;
  if (second != cache.second) {  // the date changes once a second, the rest is three digits
    std::tm parts{};
    gmtime_r(&second, &parts);
    std::strftime(cache.text.data(), cache.text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    cache.second = second;
  }
  auto left = static_cast<unsigned>(since_epoch_ms % 1000);
  for (std::size_t digit = 3; digit-- > 0; left /= 10) {
    cache.text[millisecond_offset + digit] = static_cast<char>('0' + left % 10);
  }
  return {cache.text.data(), cache.text.size() - 1};
}

Duration wall_since_epoch() {
  return std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch());
}

std::int64_t in_milliseconds(Duration duration) {
  return std::chrono::floor<std::chrono::milliseconds>(duration).count();
}

}  // namespace

std::string_view wall_timestamp() {
  thread_local Cache cache;
  return as_text(cache, in_milliseconds(wall_since_epoch()));
}

std::string_view wall_timestamp(Instant at) {
  constexpr Duration compared_every = std::chrono::seconds{1};
  thread_local Cache cache;
  thread_local Duration wall_ahead{};  // of the monotonic clock
  thread_local Instant compared_at{-compared_every};
  if (at - compared_at >= compared_every || at < compared_at) {
    compared_at = now();
    wall_ahead = wall_since_epoch() - compared_at.time_since_epoch();
  }
  return as_text(cache, in_milliseconds(at.time_since_epoch() + wall_ahead));
}

}  // namespace ordeal::pool::runtime

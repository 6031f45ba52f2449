#include "pool/runtime/timestamp.hpp"

#include <array>
#include <chrono>
#include <cstdint>

namespace ordeal::pool::runtime {
namespace {

constexpr std::int64_t ms_in_a_second = 1'000;
constexpr std::int64_t ms_in_a_day = 86'400 * ms_in_a_second;

struct Cache {
  std::int64_t second = -1;
  std::int64_t day = -1;
  std::array<char, 24> text{'0', '0', '0', '0', '-', '0', '0', '-', '0', '0', 'T', '0',
                            '0', ':', '0', '0', ':', '0', '0', '.', '0', '0', '0', 'Z'};
};

// `digits` places, up to the one before `end`.
void put(Cache& cache, std::size_t end, std::size_t digits, std::int64_t value) {
  for (; digits > 0; --digits, value /= 10) {
    cache.text[--end] = static_cast<char>('0' + value % 10);
  }
}

void put_day(Cache& cache, std::int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  put(cache, 4, 4, static_cast<int>(date.year()));
  put(cache, 7, 2, static_cast<unsigned>(date.month()));
  put(cache, 10, 2, static_cast<unsigned>(date.day()));
  cache.day = day;
}

// What changes once a day or once a second is kept.
std::string_view as_text(Cache& cache, std::int64_t since_epoch_ms) {
  const std::int64_t second = since_epoch_ms / ms_in_a_second;
  if (second != cache.second) {
    if (const std::int64_t day = since_epoch_ms / ms_in_a_day; day != cache.day) {
      put_day(cache, day);
    }
    put(cache, 13, 2, second / 3600 % 24);
    put(cache, 16, 2, second / 60 % 60);
    put(cache, 19, 2, second % 60);
    cache.second = second;
  }
  put(cache, 23, 3, since_epoch_ms % ms_in_a_second);
  return {cache.text.data(), cache.text.size()};
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

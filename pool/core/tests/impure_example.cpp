// Never linked into anything: what purity_test.py must find out.
#include <chrono>
#include <cstdint>

namespace ordeal::pool::core {

std::int64_t what_time_is_it() {
  return std::chrono::steady_clock::now().time_since_epoch().count();  // lint: allowed, see above
}

}  // namespace ordeal::pool::core

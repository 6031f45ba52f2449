// Extra work in the call path, for ordeal-perf-slow: the same program, linked so that each
// Pool::call() goes through here (the linker's --wrap). What `calibrate` tries the detector on. Not
// part of any other program.
//
// ORDEAL_SLOW="ns=600,allocations=0.05,system_calls=0.15": work after each call. Fractions add up
// over calls. Without the variable it does nothing.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "ordeal/pool/pool.hpp"

namespace {

struct ExtraWork {
  double ns = 0;
  double allocations = 0;
  double system_calls = 0;
};

double value_of(const std::string& text, const std::string& name) {
  const auto place = text.find(name + "=");
  return place == std::string::npos ? 0 : std::atof(text.c_str() + place + name.size() + 1);
}

const ExtraWork& extra_work() {
  static const ExtraWork work = [] {
    const char* variable = std::getenv("ORDEAL_SLOW");
    const std::string text = variable == nullptr ? "" : variable;
    return ExtraWork{value_of(text, "ns"), value_of(text, "allocations"),
                     value_of(text, "system_calls")};
  }();
  return work;
}

// How many whole units are due, a fraction a call.
int due(double& owed, double share) {
  owed += share;
  const int whole = static_cast<int>(owed);
  owed -= whole;
  return whole;
}

volatile unsigned sink = 0;

void turn(long times) {
  for (long i = 0; i < times; ++i) sink = sink * 1664525U + 1013904223U;
}

// Turns in a nanosecond, the best of some tries: calibrated once, so that the work is the same in
// every call, whatever the machine does meanwhile.
double turns_per_ns() {
  static const double speed = [] {
    constexpr long times = 20'000;
    double best = 0;
    for (int i = 0; i < 50; ++i) {
      const auto start = std::chrono::steady_clock::now();
      turn(times);
      const std::chrono::duration<double, std::nano> took =
          std::chrono::steady_clock::now() - start;
      best = std::max(best, times / took.count());
    }
    return best;
  }();
  return speed;
}

void work_besides() {
  const ExtraWork& work = extra_work();
  if (work.ns > 0) turn(static_cast<long>(work.ns * turns_per_ns()));
  thread_local double owed_allocations = 0;
  thread_local double owed_system_calls = 0;
  for (int i = due(owed_allocations, work.allocations); i > 0; --i) {
    const std::unique_ptr<unsigned> one{new unsigned{sink}};
    sink = *one;
  }
  for (int i = due(owed_system_calls, work.system_calls); i > 0; --i) ::syscall(SYS_getppid);
}

}  // namespace

using ordeal::pool::CallOptions;
using ordeal::pool::JsonText;
using ordeal::pool::Pool;
using ordeal::pool::Reply;
using ordeal::pool::Result;

// A member function's `this` is its first argument, so these have the callers' signature.
extern "C" {
Result<Reply> ORDEAL_REAL_CALL(Pool* pool, std::string_view command, JsonText arguments,
                               const CallOptions& options);
Result<Reply> ORDEAL_WRAPPED_CALL(Pool* pool, std::string_view command, JsonText arguments,
                                  const CallOptions& options);

Result<Reply> ORDEAL_WRAPPED_CALL(Pool* pool, std::string_view command, JsonText arguments,
                                  const CallOptions& options) {
  auto result = ORDEAL_REAL_CALL(pool, command, arguments, options);
  work_besides();
  return result;
}
}

// Mode `signal_routing`: signals go to the test that asked for them, and to no test after it.
//
//     OwnSignals signals;
//     signals.route(SIGUSR1);
//     ...
//     EXPECT_TRUE(signals.wait(SIGUSR1, 5s));
//
// At its end every disposition, and this thread's signal mask, is as it was before it. Isolates:
// handlers and mask. Not: signals that are sent after its end; the masks of other threads.
#pragma once

#include <signal.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ordeal::trial {

// Dispositions of all signals, and this thread's mask.
struct SignalSetup {
  std::array<struct sigaction, NSIG> dispositions{};
  sigset_t mask{};
};
[[nodiscard]] SignalSetup signal_setup();
void restore(const SignalSetup& setup);
// "the handler of SIGUSR1", "SIGUSR1 is blocked", for each that differs.
[[nodiscard]] std::vector<std::string> changes_of(const SignalSetup& before,
                                                  const SignalSetup& now);

class OwnSignals {
 public:
  OwnSignals();
  ~OwnSignals();
  OwnSignals(const OwnSignals&) = delete;
  OwnSignals& operator=(const OwnSignals&) = delete;

  // From now on that signal comes here, instead of doing what it did.
  // REQUIRES: one that can be caught; no other OwnSignals routes it.
  void route(int signal);
  // How many came since the last time somebody asked.
  [[nodiscard]] std::uint64_t take(int signal);
  // Whether one comes, or has come and was not taken; takes it.
  [[nodiscard]] bool wait(int signal, std::chrono::milliseconds patience);

 private:
  SignalSetup before_;
  std::vector<int> routed_;
};

}  // namespace ordeal::trial

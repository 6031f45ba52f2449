// What is to be done at an instant, by a thread of its own. What is not due when it ends is not
// done.
//
// Thread safety: at() may be called from any thread, also by what is done.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "chaos/faults/fault.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {

class Agenda {
 public:
  Agenda() : thread_([this] { run(); }) {}
  ~Agenda() { close(); }
  Agenda(const Agenda&) = delete;
  Agenda& operator=(const Agenda&) = delete;

  // REQUIRES: `act` returns at once.
  void at(TimePoint due, std::function<void()> act);
  // Nothing is done any more once this has returned. REQUIRES: by one thread, and not by an act.
  void close();

 private:
  void run();

  std::mutex mutex_;
  std::multimap<TimePoint, std::function<void()>> due_;
  bool is_to_end_ = false;
  pool::runtime::WakeWord wake_;
  std::thread thread_;
};

}  // namespace ordeal::chaos

// What operators ask of a running pool: read from their question, done on a thread of its own (a
// roll takes its time, and the run's loop must not wait), answered as JSON.
//
// A question is an object: {"ask": "why"}, {"ask": "resize", "size": 4} ... An answer has "error"
// {code, message}, or what was asked for. At most one thread for each of the server's clients.
// take() and ask() are the loop's.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ordeal/pool/pool.hpp"
#include "pool/tools/completions.hpp"
#include "pool/tools/recent_events.hpp"

namespace ordeal::pool::tools {

class OperatorDesk {
 public:
  explicit OperatorDesk(const RecentEvents& events) : events_(events) {}
  ~OperatorDesk();  // REQUIRES: the pool is stopped, or was never asked
  OperatorDesk(const OperatorDesk&) = delete;
  OperatorDesk& operator=(const OperatorDesk&) = delete;

  // REQUIRES: the pool outlives the answer.
  void ask(std::uint64_t client, std::string question, Pool& pool);
  struct Answered {
    std::uint64_t client = 0;
    std::string answer;
  };
  [[nodiscard]] std::vector<Answered> take();
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }
  // Waits for all that were asked. REQUIRES: as the destructor.
  void finish();

 private:
  const RecentEvents& events_;
  Bell bell_;
  std::mutex mutex_;
  std::vector<Answered> answered_;
  std::vector<std::pair<std::uint64_t, std::thread>> threads_;
};

// The answer to one question; blocks as long as the operation does.
[[nodiscard]] std::string answer_operator(const std::string& question, Pool& pool,
                                          const RecentEvents& events);
[[nodiscard]] std::string operator_error(const Error& error);

}  // namespace ordeal::pool::tools

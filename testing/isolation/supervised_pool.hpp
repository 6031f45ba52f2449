// Mode `supervision_testing`: a pool of the test's own, whose parts are killed one by one; each
// killing then waits until that is mended, and each worker has answered.
//
// The housekeeper is a thread of the host and ends only with its host: kill_host() kills a host
// with a pool of its own, and waits until nothing of that pool lives. Isolates: the pool. Not: the
// machine's load, which all tests share.
#pragma once

#include "ordeal/pool/options.hpp"
#include "testing/helpers/waits.hpp"

namespace ordeal::trial {

class SupervisedPool {
 public:
  // Throws std::runtime_error if the pool does not start, or its template does not come up.
  explicit SupervisedPool(const pool::Options& options);
  [[nodiscard]] pool::Pool& pool() { return pool_; }

  [[nodiscard]] Waited kill_worker(const pool::Deadline& deadline);
  // REQUIRES: options.fork_template.
  [[nodiscard]] Waited kill_template(const pool::Deadline& deadline);
  [[nodiscard]] Waited kill_warden(const pool::Deadline& deadline);

 private:
  pool::Pool pool_;
};

// In a process that is forked for it. REQUIRES: no other thread runs.
[[nodiscard]] Waited kill_host(const pool::Options& options, std::chrono::milliseconds patience);

}  // namespace ordeal::trial

// The relay at work: one worker behind it, two streams through it, frame by frame.
//
// Invariants:
//   (1) With mode none it changes nothing and drops nothing; frames leave in the order they came.
//   (2) The worker's end is the relay's: same exit status, same signal.
//   (3) Everything it does to a frame is counted in RelayControl before the frame leaves.
//
// One thread; waits for its descriptors in one place.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "chaos/relay/control.hpp"
#include "chaos/relay/frames.hpp"
#include "pool/core/time.hpp"

namespace ordeal::chaos {

class Relay {
 public:
  // `to_worker`, `from_worker`: pipes to the child `worker_pid`. Pool's side: descriptors 0 and 1.
  Relay(std::string folder, int worker_pid, int to_worker, int from_worker);
  // Until the worker has ended. Returns its wait status.
  [[nodiscard]] int run();

 private:
  struct Piece {
    pool::core::Instant due;
    std::string bytes;
    bool last_of_stream = false;  // then the stream to the pool is closed, the worker killed
  };
  void read_requests();
  void read_replies();
  void pass_request(std::string frame);
  void pass_reply(std::string frame);
  void leave_an_orphan();
  void send_due();
  [[nodiscard]] WireMode mode() const;
  // Whether this frame is to be touched; counts it.
  [[nodiscard]] bool touch(std::size_t bytes);
  void queue(std::string bytes, pool::core::Duration delay = {});
  [[nodiscard]] pool::core::Instant wake_at() const;

  std::string folder_;
  int worker_pid_;
  int to_worker_;
  int from_worker_;
  int executions_ = -1;
  std::shared_ptr<RelayControl> control_;
  FrameCutter requests_;
  FrameCutter replies_;
  std::deque<Piece> out_;
  std::string reply_before_;
  pool::core::Random random_{0};
  bool pool_gone_ = false;
  bool worker_gone_ = false;
};

}  // namespace ordeal::chaos

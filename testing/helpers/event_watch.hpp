// Waits for what a pool tells, with a deadline: by events, never by looking again and again.
//
//     EventWatch watch{pool};            // listens from here on
//     kill(pid, SIGKILL);
//     EXPECT_TRUE(watch.wait_for(is("worker_transition"), 5s));
//
// A watch counts only what is told after it was made, and each wait only what came after the event
// that the wait before it found: a wait cannot be over because of something that happened earlier.
// A wait that runs out says what was told last, and how the pool stands.
//
// Thread safety: one thread waits. The pool may be stopped meanwhile, but not destroyed.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

#include "ordeal/pool/pool.hpp"

namespace ordeal::trial {

// Whether it came. If not: `story` is what is known, for a message.
struct Waited {
  bool came = false;
  std::string story;
  explicit operator bool() const { return came; }
};
// GoogleTest prints it where an expectation fails.
std::ostream& operator<<(std::ostream& out, const Waited& waited);

using EventPredicate = std::function<bool(const pool::PoolEvent&)>;
[[nodiscard]] EventPredicate is(std::string what);

class EventWatch {
 public:
  explicit EventWatch(pool::Pool& pool);
  ~EventWatch();
  EventWatch(const EventWatch&) = delete;
  EventWatch& operator=(const EventWatch&) = delete;

  [[nodiscard]] Waited wait_for(const EventPredicate& predicate, const pool::Deadline& deadline);
  // Of the pool as it is now, looked at again after each event. `what`: for the story, "the pool is
  // ready".
  [[nodiscard]] Waited wait_until_status(const std::function<bool(const pool::Status&)>& predicate,
                                         const std::string& what, const pool::Deadline& deadline);

 private:
  struct Heard;
  [[nodiscard]] std::string story_of(const std::string& what) const;

  pool::Pool& pool_;
  std::shared_ptr<Heard> heard_;  // the sink's too: it may run a last time while this goes
  pool::Subscription subscription_;
};

// Listens from the call on.
[[nodiscard]] Waited wait_for(pool::Pool& pool, const EventPredicate& predicate,
                              const pool::Deadline& deadline);

// "size 2: 1 idle, 1 busy ...; worker 3 busy (pid 812), ..."
[[nodiscard]] std::string in_words(const pool::Status& status);

}  // namespace ordeal::trial

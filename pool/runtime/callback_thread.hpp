// The pool's one thread for other people's code: callbacks of call_async, and sinks.
//
// Invariants: jobs run in the order in which they were posted, one at a time, each exactly once,
// also on stop (drain() before join()). A job that throws is contained and counted. Events beyond
// events_max are dropped and counted; callbacks never are (their number is bounded by the tickets).
// Thread-safe; post() may be called under the engine's lock (it never blocks on user code).
//
// Events come in bursts, and to wake this thread for each of them would cost the caller that made
// it more than its call. So the first one behind a pause wakes it; then it waits for linger_max
// before it takes what has gathered meanwhile, unless that is linger_events_max, or a callback.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "ordeal/pool/events.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {

class CallbackThread {
 public:
  static constexpr std::size_t events_max = 65'536;
  static constexpr std::size_t linger_events_max = 1'024;
  static constexpr std::chrono::milliseconds linger_max{1};

  explicit CallbackThread(const char* name = "ordeal-callback");
  ~CallbackThread();  // finishes what was posted, then joins
  CallbackThread(const CallbackThread&) = delete;
  CallbackThread& operator=(const CallbackThread&) = delete;

  void post_callback(std::function<void()> job);
  // False, and nothing is posted, once finish() has begun.
  [[nodiscard]] bool try_post(std::function<void()>& job);
  void post_event(PoolEvent&& event);
  void post_events(std::vector<PoolEvent>& events);  // empties it
  [[nodiscard]] std::shared_ptr<void> add_sink(Sink sink);
  [[nodiscard]] bool has_sinks() const { return sink_count_.load(std::memory_order_relaxed) > 0; }

  // Blocks until everything posted before has run. Not on the callback thread itself.
  void drain();
  void finish();  // drain and join; idempotent
  [[nodiscard]] bool is_finishing() const;

  // True on this thread (of this pool): a blocking call here could never end.
  [[nodiscard]] bool is_current() const { return std::this_thread::get_id() == thread_id_; }
  [[nodiscard]] std::uint64_t events_dropped() const { return events_dropped_.load(); }
  [[nodiscard]] std::uint64_t failures() const { return failures_.load(); }

 private:
  struct SinkEntry;
  struct SinkRegistry;
  using Job = std::variant<std::function<void()>, PoolEvent>;

  enum class When : bool {
    always,
    not_finishing
  };
  bool post(std::function<void()>& job, When when);
  bool take(PoolEvent&& event);
  void run();
  void rest(std::unique_lock<std::mutex>& lock);
  void perform(Job& job);

  std::shared_ptr<SinkRegistry> sinks_;
  std::atomic<std::uint32_t> sink_count_{0};
  mutable std::mutex mutex_;
  std::vector<Job> jobs_;
  std::size_t events_queued_ = 0;
  std::uint64_t posted_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t rested_at_ = 0;  // done_ when it last lingered
  bool finishing_ = false;
  bool idle_ = false;       // it sleeps, or is about to: the next post must wake it
  bool lingering_ = false;  // it waits for more: what is urgent must wake it, an event need not
  bool urgent_ = false;     // among jobs_ is a callback, or they are many: no lingering
  int drainers_ = 0;
  WakeWord work_;
  WakeWord progress_;
  std::atomic<std::uint64_t> events_dropped_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::thread thread_;
  std::thread::id thread_id_;
};

// Starts a thread with every signal blocked: the host's handlers must not run on ours.
[[nodiscard]] std::thread start_quiet_thread(const char* name, std::function<void()> body);

}  // namespace ordeal::pool::runtime

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
// What has gathered is a batch: two of them take turns, so a warm pool allocates nothing for
// events.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ordeal/pool/events.hpp"
#include "pool/runtime/clock.hpp"
#include "pool/runtime/event_note.hpp"

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
  class EventWriter;
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
  enum class Kind : bool {
    event,
    callback
  };
  // What is no note, and its place among those.
  struct Job {
    Kind kind;
    std::size_t index;  // in the batch's events or callbacks
    std::size_t notes_before;
  };
  struct Batch {
    std::vector<EventNote> notes;  // in order
    std::string texts;             // theirs
    std::vector<Job> jobs;         // in order
    std::vector<PoolEvent> events;
    std::vector<std::function<void()>> callbacks;
    [[nodiscard]] std::size_t size() const { return notes.size() + jobs.size(); }
    void clear();
  };

  enum class When : bool {
    always,
    not_finishing
  };
  bool post(std::function<void()>& job, When when);
  void run();
  void rest(std::unique_lock<std::mutex>& lock);
  void perform(Batch& batch);
  void tell_notes(const Batch& batch, std::size_t begin, std::size_t end);
  void call(std::function<void()>& callback);
  void deliver(const PoolEvent& event);
  void note_done(Kind kind);
  void look_at_sinks();

  std::shared_ptr<SinkRegistry> sinks_;
  std::atomic<std::uint32_t> sink_count_{0};
  mutable std::mutex mutex_;  // guards the next six
  Batch queued_;
  std::uint64_t posted_ = 0;
  std::uint64_t events_posted_ = 0;
  bool finishing_ = false;
  bool idle_ = false;       // it sleeps, or is about to: the next post must wake it
  bool lingering_ = false;  // it waits for more: what is urgent must wake it, an event need not
  bool urgent_ = false;     // among the jobs is a callback, or they are many: no lingering
  std::atomic<std::uint64_t> events_done_{0};  // of events_posted_; by the thread alone
  std::atomic<std::uint64_t> done_{0};
  std::atomic<int> drainers_{0};
  WakeWord work_;
  WakeWord progress_;
  std::atomic<std::uint64_t> events_dropped_{0};
  std::atomic<std::uint64_t> failures_{0};
  // The thread's own.
  std::uint64_t rested_at_ = 0;  // done_ when it last lingered
  PoolEvent event_;              // that is being told, its memory kept
  std::vector<std::shared_ptr<SinkEntry>> sinks_seen_;
  std::uint64_t sinks_version_ = 0;
  std::thread thread_;
  std::thread::id thread_id_;
};

// Posts events that are noted in place: holds the queue from the first one until close(), and then
// wakes the thread if it must be woken. Used by one thread at a time.
class CallbackThread::EventWriter {
 public:
  explicit EventWriter(CallbackThread& thread)
      : thread_(&thread), lock_(thread.mutex_, std::defer_lock) {}
  // Null: there are events_max of them, and this one is counted as dropped. Valid until the next.
  [[nodiscard]] EventNote* add(const core::action::Emit& emit, core::Instant at);
  // Of the last note.
  void put(EventNote& note, NoteText which, std::string_view text);
  [[nodiscard]] bool is_open() const { return lock_.owns_lock(); }
  void close();

 private:
  friend class CallbackThread;
  void open();
  [[nodiscard]] bool begin();

  CallbackThread* thread_;
  std::unique_lock<std::mutex> lock_;
  // While open: how many more events there is room for, and how many have been added.
  std::uint64_t room_ = 0;
  std::uint64_t added_ = 0;
};

// Starts a thread with every signal blocked: the host's handlers must not run on ours.
[[nodiscard]] std::thread start_quiet_thread(const char* name, std::function<void()> body);

}  // namespace ordeal::pool::runtime

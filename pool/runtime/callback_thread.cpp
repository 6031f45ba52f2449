#include "pool/runtime/callback_thread.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace ordeal::pool::runtime {

// `delivering` is held while the sink runs, so that a reset() from elsewhere waits for it.
struct CallbackThread::SinkEntry {
  Sink sink;
  std::mutex delivering;
  std::atomic<bool> active{true};
};

// Outlives the pool if a Subscription does.
struct CallbackThread::SinkRegistry {
  std::mutex mutex;
  std::vector<std::shared_ptr<SinkEntry>> entries;
  std::atomic<std::uint64_t> version{1};  // of `entries`
  std::thread::id callback_thread;
  std::atomic<std::uint32_t>* count = nullptr;  // null once the pool is gone
};

std::thread start_quiet_thread(const char* name, std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread
  std::thread thread{std::move(body)};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

CallbackThread::CallbackThread(const char* name) : sinks_(std::make_shared<SinkRegistry>()) {
  sinks_->count = &sink_count_;
  thread_ = start_quiet_thread(name, [this] { run(); });
  thread_id_ = thread_.get_id();
  sinks_->callback_thread = thread_id_;
}

CallbackThread::~CallbackThread() {
  finish();
  const std::lock_guard lock{sinks_->mutex};
  sinks_->count = nullptr;
}

void CallbackThread::post_callback(std::function<void()> job) { post(job, When::always); }

bool CallbackThread::try_post(std::function<void()>& job) { return post(job, When::not_finishing); }

bool CallbackThread::post(std::function<void()>& job, When when) {
  bool wake = false;
  {
    const std::lock_guard lock{mutex_};
    if (finishing_ && when == When::not_finishing) return false;
    queued_.jobs.push_back({Kind::callback, queued_.callbacks.size(), queued_.notes.size()});
    queued_.callbacks.push_back(std::move(job));
    ++posted_;
    urgent_ = true;
    wake = std::exchange(idle_, false) || std::exchange(lingering_, false);
  }
  if (wake) work_.notify();
  return true;
}

void CallbackThread::EventWriter::open() {
  lock_.lock();
  const std::uint64_t done = thread_->events_done_.load(std::memory_order_relaxed);
  const std::uint64_t waiting = thread_->events_posted_ - done;
  room_ = events_max - std::min<std::uint64_t>(waiting, events_max);
}

// Whether there is room for one more event, which is then counted.
inline bool CallbackThread::EventWriter::begin() {
  if (!lock_.owns_lock()) open();
  if (added_ == room_) {
    thread_->events_dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  ++added_;
  return true;
}

void CallbackThread::post_event(PoolEvent&& event) {
  EventWriter writer{*this};
  if (writer.begin()) {
    queued_.jobs.push_back({Kind::event, queued_.events.size(), queued_.notes.size()});
    queued_.events.push_back(std::move(event));
  }
  writer.close();
}

EventNote* CallbackThread::EventWriter::add(const core::action::Emit& emit, core::Instant at) {
  if (!begin()) return nullptr;
  Batch& queued = thread_->queued_;
  return &queued.notes.emplace_back(emit, at, queued.texts.size());
}

void CallbackThread::EventWriter::put(EventNote& note, NoteText which, std::string_view text) {
  runtime::put(note, which, text, thread_->queued_.texts);
}

void CallbackThread::EventWriter::close() {
  if (!lock_.owns_lock()) return;
  CallbackThread& thread = *thread_;
  thread.events_posted_ += added_;
  thread.posted_ += added_;
  added_ = 0;
  const std::size_t queued = thread.queued_.size();
  if (queued >= linger_events_max) thread.urgent_ = true;
  const bool wake = queued > 0 && (std::exchange(thread.idle_, false) ||
                                   (thread.urgent_ && std::exchange(thread.lingering_, false)));
  lock_.unlock();
  if (wake) thread.work_.notify();
}

std::shared_ptr<void> CallbackThread::add_sink(Sink sink) {
  auto entry = std::make_shared<SinkEntry>();
  entry->sink = std::move(sink);
  {
    const std::lock_guard lock{sinks_->mutex};
    sinks_->entries.push_back(entry);
    sinks_->version.fetch_add(1, std::memory_order_release);
    sink_count_.fetch_add(1, std::memory_order_relaxed);
  }
  auto unsubscribe = [registry = sinks_](SinkEntry* gone) {
    {
      const std::lock_guard lock{registry->mutex};
      std::erase_if(registry->entries, [gone](const auto& e) { return e.get() == gone; });
      registry->version.fetch_add(1, std::memory_order_release);
      if (registry->count != nullptr) registry->count->fetch_sub(1, std::memory_order_relaxed);
    }
    gone->active = false;
    // From the sink itself, waiting for the running delivery would never end.
    if (std::this_thread::get_id() == registry->callback_thread) return;
    const std::lock_guard wait_for_delivery{gone->delivering};
    gone->sink = nullptr;  // what it holds goes now, not when the callback thread looks again
  };
  SinkEntry* raw = entry.get();
  return {raw, [entry = std::move(entry), unsubscribe](void*) { unsubscribe(entry.get()); }};
}

void CallbackThread::Batch::clear() {
  // What a burst needed, as when this thread was not scheduled for a while, is not kept for the
  // next.
  constexpr std::size_t texts_kept_bytes_max = 1U << 18U;
  constexpr std::size_t jobs_kept_max = 2048;
  notes.clear();
  if (notes.capacity() > jobs_kept_max) notes.shrink_to_fit();
  jobs.clear();
  if (jobs.capacity() > jobs_kept_max) jobs.shrink_to_fit();
  events.clear();
  callbacks.clear();
  texts.clear();
  if (texts.capacity() > texts_kept_bytes_max) texts.shrink_to_fit();
}

void CallbackThread::run() {
  Batch batch;
  std::unique_lock lock{mutex_};
  while (true) {
    rest(lock);
    if (queued_.size() == 0) {
      if (finishing_) return;
      continue;
    }
    std::swap(batch, queued_);
    urgent_ = false;
    lock.unlock();
    perform(batch);
    batch.clear();  // its memory serves the batch after the next
    lock.lock();
  }
}

// Whoever begins to drain behind the look at drainers_ sees this job done.
void CallbackThread::note_done(Kind kind) {
  look_at_sinks();  // one that was ended by it goes now
  if (kind == Kind::event) {
    events_done_.store(events_done_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  done_.fetch_add(1);
  if (drainers_.load() > 0) progress_.notify();
}

// Returns when there is something to do, or may be. First lingers: whoever has been busy will soon
// be again.
void CallbackThread::rest(std::unique_lock<std::mutex>& lock) {
  const auto wait = [&](bool& how, Instant until) {
    // Whoever posts next sees `how` and notifies; a notify() before the wait is not lost.
    how = true;
    const std::uint32_t ticket = work_.ticket();
    lock.unlock();
    work_.wait_until(until, ticket);
    lock.lock();
    how = false;
  };
  const bool hurry = urgent_ || finishing_ || drainers_ > 0;
  if (const std::uint64_t done = done_.load(); !hurry && done > rested_at_) {
    rested_at_ = done;
    wait(lingering_, now() + linger_max);
  }
  if (queued_.size() == 0 && !finishing_) wait(idle_, core::never);
}

void CallbackThread::perform(Batch& batch) {
  std::size_t told = 0;
  for (const Job& job : batch.jobs) {
    tell_notes(batch, std::exchange(told, job.notes_before), job.notes_before);
    switch (job.kind) {
      case Kind::event:
        deliver(batch.events[job.index]);
        break;
      case Kind::callback:
        call(batch.callbacks[job.index]);
        break;
    }
    note_done(job.kind);
  }
  tell_notes(batch, told, batch.notes.size());
}

void CallbackThread::tell_notes(const Batch& batch, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    tell(event_, batch.notes[i], batch.texts);
    deliver(event_);
    note_done(Kind::event);
  }
}

void CallbackThread::call(std::function<void()>& callback) {
  try {
    callback();
  } catch (...) {
    failures_.fetch_add(1, std::memory_order_relaxed);
  }
  callback = nullptr;  // destroyed outside the lock, and before the next: captures may be anything
}

void CallbackThread::deliver(const PoolEvent& event) {
  look_at_sinks();
  for (const auto& entry : sinks_seen_) {
    const std::lock_guard delivering{entry->delivering};
    if (!entry->active) continue;
    try {
      entry->sink(event);
    } catch (...) {
      failures_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void CallbackThread::look_at_sinks() {
  if (sinks_->version.load(std::memory_order_acquire) == sinks_version_) return;
  std::vector<std::shared_ptr<SinkEntry>> before;  // destroyed outside the lock
  const std::lock_guard lock{sinks_->mutex};
  before.swap(sinks_seen_);
  sinks_seen_ = sinks_->entries;
  sinks_version_ = sinks_->version.load(std::memory_order_relaxed);
}

void CallbackThread::drain() {
  std::uint64_t until = 0;
  {
    const std::lock_guard lock{mutex_};
    until = posted_;
    drainers_.fetch_add(1);
    if (std::exchange(lingering_, false)) work_.notify();
  }
  while (true) {
    const std::uint32_t ticket = progress_.ticket();
    if (done_.load() >= until) break;
    progress_.wait_until(core::never, ticket);
  }
  drainers_.fetch_sub(1);
}

bool CallbackThread::is_finishing() const {
  const std::lock_guard lock{mutex_};
  return finishing_;
}

void CallbackThread::finish() {
  {
    const std::lock_guard lock{mutex_};
    finishing_ = true;
    idle_ = false;
    lingering_ = false;
  }
  work_.notify();
  if (thread_.joinable()) thread_.join();
}

}  // namespace ordeal::pool::runtime

#include "pool/runtime/callback_thread.hpp"

#include <pthread.h>

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
    jobs_.emplace_back(std::move(job));
    ++posted_;
    urgent_ = true;
    wake = std::exchange(idle_, false) || std::exchange(lingering_, false);
  }
  if (wake) work_.notify();
  return true;
}

void CallbackThread::post_event(PoolEvent&& event) {
  bool wake = false;
  {
    const std::lock_guard lock{mutex_};
    wake = take(std::move(event));
  }
  if (wake) work_.notify();
}

void CallbackThread::post_events(std::vector<PoolEvent>& events) {
  bool wake = false;
  {
    const std::lock_guard lock{mutex_};
    for (PoolEvent& event : events) wake |= take(std::move(event));
  }
  events.clear();
  if (wake) work_.notify();
}

// Under the lock. Whether the thread must be woken for it.
bool CallbackThread::take(PoolEvent&& event) {
  if (events_queued_ >= events_max) {
    events_dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  jobs_.emplace_back(std::move(event));
  ++events_queued_;
  ++posted_;
  urgent_ = urgent_ || jobs_.size() >= linger_events_max;
  return std::exchange(idle_, false) || (urgent_ && std::exchange(lingering_, false));
}

std::shared_ptr<void> CallbackThread::add_sink(Sink sink) {
  auto entry = std::make_shared<SinkEntry>();
  entry->sink = std::move(sink);
  {
    const std::lock_guard lock{sinks_->mutex};
    sinks_->entries.push_back(entry);
    sink_count_.fetch_add(1, std::memory_order_relaxed);
  }
  auto unsubscribe = [registry = sinks_](SinkEntry* gone) {
    {
      const std::lock_guard lock{registry->mutex};
      std::erase_if(registry->entries, [gone](const auto& e) { return e.get() == gone; });
      if (registry->count != nullptr) registry->count->fetch_sub(1, std::memory_order_relaxed);
    }
    gone->active = false;
    // From the sink itself, waiting for the running delivery would never end.
    if (std::this_thread::get_id() == registry->callback_thread) return;
    const std::lock_guard wait_for_delivery{gone->delivering};
  };
  SinkEntry* raw = entry.get();
  return {raw, [entry = std::move(entry), unsubscribe](void*) { unsubscribe(entry.get()); }};
}

void CallbackThread::run() {
  std::vector<Job> batch;
  std::unique_lock lock{mutex_};
  while (true) {
    rest(lock);
    if (jobs_.empty()) {
      if (finishing_) return;
      continue;
    }
    std::swap(batch, jobs_);
    urgent_ = false;
    lock.unlock();
    for (Job& job : batch) {
      const bool is_event = std::holds_alternative<PoolEvent>(job);
      perform(job);
      job = Job{};  // destroyed outside the lock: captures may be anything
      lock.lock();
      if (is_event) --events_queued_;
      ++done_;
      const bool awaited = drainers_ > 0;
      lock.unlock();
      if (awaited) progress_.notify();
    }
    batch.clear();  // its memory serves the batch after the next
    lock.lock();
  }
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
  if (!hurry && done_ > rested_at_) {
    rested_at_ = done_;
    wait(lingering_, now() + linger_max);
  }
  if (jobs_.empty() && !finishing_) wait(idle_, core::never);
}

void CallbackThread::perform(Job& job) {
  if (auto* callback = std::get_if<std::function<void()>>(&job)) {
    try {
      (*callback)();
    } catch (...) {
      failures_.fetch_add(1, std::memory_order_relaxed);
    }
    return;
  }
  std::vector<std::shared_ptr<SinkEntry>> entries;
  {
    const std::lock_guard lock{sinks_->mutex};
    entries = sinks_->entries;
  }
  for (const auto& entry : entries) {
    const std::lock_guard delivering{entry->delivering};
    if (!entry->active) continue;
    try {
      entry->sink(std::get<PoolEvent>(job));
    } catch (...) {
      failures_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void CallbackThread::drain() {
  std::unique_lock lock{mutex_};
  const std::uint64_t until = posted_;
  ++drainers_;
  if (std::exchange(lingering_, false)) work_.notify();
  while (done_ < until) {
    const std::uint32_t ticket = progress_.ticket();
    lock.unlock();
    progress_.wait_until(core::never, ticket);
    lock.lock();
  }
  --drainers_;
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

#include "pool/observe/outlet.hpp"

#include <exception>
#include <utility>

#include "pool/runtime/callback_thread.hpp"

namespace ordeal::pool::observe {

Outlet::Outlet(AlertDestination destination)
    : destination_(std::move(destination)),
      thread_(runtime::start_quiet_thread("ordeal-alerts", [this] { run(); })) {}

void Outlet::offer(const Alert& alert) {
  {
    const std::lock_guard lock{mutex_};
    if (closing_ || waiting_.size() >= Reporter::queue_max) {
      ++dropped_;
      return;
    }
    waiting_.push_back(alert);
  }
  work_.notify();
}

void Outlet::run() {
  std::unique_lock lock{mutex_};
  while (!waiting_.empty() || !closing_) {
    if (waiting_.empty()) {
      const std::uint32_t ticket = work_.ticket();
      lock.unlock();
      work_.wait_until(core::never, ticket);
      lock.lock();
      continue;
    }
    const Alert alert = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    bool delivered = true;
    std::string failure;
    try {
      destination_.deliver(alert);
    } catch (const std::exception& error) {
      delivered = false;
      failure = error.what();
    } catch (...) {
      delivered = false;
      failure = "it threw something unknown";
    }
    lock.lock();
    ++(delivered ? delivered_ : failed_);
    if (!delivered) last_failure_ = std::move(failure);
  }
  done_ = true;
  lock.unlock();
  ended_.notify();
}

void Outlet::begin_close() {
  {
    const std::lock_guard lock{mutex_};
    closing_ = true;
  }
  work_.notify();
}

void Outlet::close(runtime::Instant deadline) {
  if (!thread_.joinable()) return;
  begin_close();
  std::unique_lock lock{mutex_};
  while (!done_ && runtime::now() < deadline) {
    const std::uint32_t ticket = ended_.ticket();
    lock.unlock();
    ended_.wait_until(deadline, ticket);
    lock.lock();
  }
  dropped_ += waiting_.size();
  waiting_.clear();
  lock.unlock();
  thread_.join();
}

Reporter::DestinationStats Outlet::stats() const {
  const std::lock_guard lock{mutex_};
  return {destination_.name, delivered_, failed_, dropped_, last_failure_};
}

Reporter::DestinationStats Outlet::reset_stats() {
  const std::lock_guard lock{mutex_};
  return {destination_.name, std::exchange(delivered_, 0), std::exchange(failed_, 0),
          std::exchange(dropped_, 0), std::exchange(last_failure_, {})};
}

}  // namespace ordeal::pool::observe

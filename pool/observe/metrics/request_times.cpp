#include "pool/observe/metrics/request_times.hpp"

namespace ordeal::pool::observe {

void RequestTimes::note(core::Occurrence what, const PoolEvent& event) {
  switch (what) {
    case core::Occurrence::request_granted: {
      const auto found = open_.find(event.request);
      // The first attempt has waited since the submit, which its event knows.
      queue_wait_.observe(found == open_.end() ? event.duration : event.at - found->second.since);
      open_[event.request] = {event.at, true};
      return bound();
    }
    case core::Occurrence::request_requeued:
      return wait_from(event.request, event.at);
    case core::Occurrence::request_retry_scheduled:
      end_service(event.request, event.at);
      return wait_from(event.request, event.at + event.duration);
    case core::Occurrence::request_resolved:
      end_service(event.request, event.at);
      open_.erase(event.request);
      (event.code == ErrorCode::none ? total_ok_ : total_error_).observe(event.duration);
      return;
    default:
      return;
  }
}

void RequestTimes::wait_from(std::uint64_t request, TimePoint since) {
  open_[request] = {since, false};
  bound();
}

void RequestTimes::end_service(std::uint64_t request, TimePoint at) {
  const auto found = open_.find(request);
  if (found != open_.end() && found->second.served) service_.observe(at - found->second.since);
}

void RequestTimes::bound() {
  if (open_.size() > requests_max) open_.erase(open_.begin());
}

}  // namespace ordeal::pool::observe

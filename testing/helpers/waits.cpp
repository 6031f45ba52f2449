#include "testing/helpers/waits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace ordeal::trial {

using pool::Status;
using pool::WorkerStatus;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds standard_patience{10};

// One instant for all the steps of a wait.
steady_clock::time_point instant_of(const pool::Deadline& deadline) {
  return deadline.resolve(steady_clock::now(), standard_patience);
}

bool is_ready(const Status& status) {
  const auto serves = [](const WorkerStatus& worker) {
    return (worker.state == "ready" || worker.state == "busy") && worker.pid != 0;
  };
  return std::count_if(status.workers.begin(), status.workers.end(), serves) >= status.size;
}

bool is_there(const Status& status, std::uint64_t worker) {
  return std::any_of(status.workers.begin(), status.workers.end(),
                     [&](const WorkerStatus& one) { return one.worker == worker; });
}

std::uint64_t newest(const Status& status) {
  std::uint64_t serial = 0;
  for (const WorkerStatus& worker : status.workers) serial = std::max(serial, worker.worker);
  return serial;
}

Waited in_vain(pool::Pool& pool, const std::string& why) {
  return {.came = false, .story = fmt::format("{}\nThe pool: {}", why, in_words(pool.status()))};
}

}  // namespace

Waited wait_ready(pool::Pool& pool, const pool::Deadline& deadline) {
  return EventWatch{pool}.wait_until_status(is_ready, "the pool to be ready", deadline);
}

Waited wait_idle(pool::Pool& pool, const pool::Deadline& deadline) {
  const auto is_idle = [](const Status& s) {
    return s.queue_depth == 0 && s.running == 0 && s.backing_off == 0 && s.busy == 0 &&
           s.degraded == 0;
  };
  return EventWatch{pool}.wait_until_status(is_idle, "the pool to be idle", deadline);
}

Waited wait_worker_restart(pool::Pool& pool, std::uint64_t worker, const pool::Deadline& deadline) {
  EventWatch watch{pool};
  if (const Status now = pool.status(); worker == 0 || worker > std::max(newest(now), now.spawns)) {
    return in_vain(pool, fmt::format("there has been no worker {} yet", worker));
  }
  return watch.wait_until_status(
      [&](const Status& status) { return !is_there(status, worker) && is_ready(status); },
      fmt::format("worker {} to be replaced", worker), deadline);
}

Waited wait_affinity(pool::Pool& pool, const std::string& session, pool::AffinityPolicy policy,
                     const pool::Deadline& deadline) {
  if (policy == pool::AffinityPolicy::none) {
    return in_vain(pool, fmt::format("session {}: the policy none binds nothing", session));
  }
  const auto until = instant_of(deadline);
  while (true) {
    const auto reply = pool.call("ping", nlohmann::json::object(),
                                 {.deadline = until, .session = session, .affinity = policy});
    if (!reply) return in_vain(pool, fmt::format("session {}: {}", session, reply.error().message));
    if (reply->affinity == pool::AffinityOutcome::hit) return {.came = true, .story = {}};
    if (steady_clock::now() >= until) {
      return in_vain(pool, fmt::format("session {} is still not kept to a worker", session));
    }
  }
}

Waited pre_warm(pool::Pool& pool, const pool::Deadline& deadline) {
  const auto until = instant_of(deadline);
  std::vector<pool::Lease> held;
  const std::uint32_t size = pool.status().size;
  while (held.size() < size) {
    auto lease = pool.checkout({.deadline = until});
    if (!lease) {
      return in_vain(pool, fmt::format("{} of {} workers could be had at once: {}", held.size(),
                                       size, lease.error().message));
    }
    const auto reply = lease->call("ping", nlohmann::json::object(), {.deadline = until});
    if (!reply) {
      return in_vain(pool, fmt::format("worker {}: {}", lease->worker(), reply.error().message));
    }
    held.push_back(std::move(*lease));
  }
  return {.came = true, .story = {}};
}

}  // namespace ordeal::trial

#include "testing/helpers/session_affinity.hpp"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <set>

#include "testing/helpers/run_concurrently.hpp"

namespace ordeal::trial {
namespace {

class Check {
 public:
  Check(const ServedBy& served_by, const AffinityCheck& check) : served_by_(served_by) {
    for (std::uint32_t i = 1; i <= check.sessions; ++i)
      names_.push_back(fmt::format("affine {}", i));
  }

  void round() {
    std::vector<std::function<void()>> calls;
    for (const std::string& name : names_) {
      calls.emplace_back([this, &name] { call(name); });
    }
    overlapped_ = run_concurrently(calls).most >= 2 || overlapped_;
    for (auto name = names_.begin(); name != names_.end(); ++name) call(*name);
    for (auto name = names_.rbegin(); name != names_.rend(); ++name) call(*name);
  }

  [[nodiscard]] Verdict verdict() const {
    std::vector<std::string> evidence = errors_;
    std::set<std::uint64_t> all;
    for (const auto& [session, workers] : workers_) {
      all.insert(workers.begin(), workers.end());
      if (workers.size() < 2) continue;
      std::string list;
      for (const std::uint64_t worker : workers) list += fmt::format(" {}", worker);
      evidence.push_back(fmt::format("session {} was served by workers{}", session, list));
    }
    if (!evidence.empty()) return Verdict::fail(std::move(evidence));
    if (all.size() < 2) {
      return Verdict::unknown(fmt::format("{} worker served all sessions", all.size()));
    }
    if (!overlapped_) return Verdict::unknown("no two sessions called at the same time");
    return Verdict::pass();
  }

 private:
  void call(const std::string& session) {
    const pool::Result<std::uint64_t> worker = served_by_(session);
    const std::lock_guard lock{mutex_};
    if (worker) {
      workers_[session].insert(*worker);
    } else {
      errors_.push_back(fmt::format("session {}: {}", session, worker.error().message));
    }
  }

  const ServedBy& served_by_;
  std::vector<std::string> names_;
  std::mutex mutex_;
  std::map<std::string, std::set<std::uint64_t>> workers_;  // by session; guarded by mutex_
  std::vector<std::string> errors_;                         // likewise
  bool overlapped_ = false;
};

}  // namespace

Verdict verify_session_affinity(const ServedBy& served_by, const AffinityCheck& check) {
  Check it{served_by, check};
  for (std::uint32_t i = 0; i < check.rounds; ++i) it.round();
  return it.verdict();
}

Verdict verify_session_affinity(pool::Pool& pool, pool::AffinityPolicy policy,
                                const std::string& command, const std::string& arguments,
                                const AffinityCheck& check) {
  return verify_session_affinity(
      [&](const std::string& session) -> pool::Result<std::uint64_t> {
        auto reply =
            pool.call(command, pool::JsonText{arguments}, {.session = session, .affinity = policy});
        if (!reply) return tl::unexpected(std::move(reply.error()));
        return reply->worker;
      },
      check);
}

}  // namespace ordeal::trial

// From one version of the workers to the next, without a leap in the dark.
//
//   Shadow:  the old version answers; a share of the requests also goes to the new one, whose
//            answers are compared with the old one's and never returned.
//   Rollout: the new version answers a share of the requests, which grows by stages as long as it
//            does as well as the old one; then the pool is rolled to it (Pool::roll). If it fails
//            more or is slower, the old version answers everything again, at once and by itself.
//
//   auto migration = Migration::start(pool, {.program = {.command = {"python3", "new.py"}}});
//   migration->call_async("predict", JsonText{text}, {.idempotent = true}, callback);
//   migration->report();  // how many were compared, and how they differ, by kind and place
//
// What is not sent twice, and not to the new version: requests in a session, whose state lives with
// the old pool; in shadow also requests that are not declared idempotent, unless `shadow_effects`.
//
// Thread safety: every member may be called from any thread, destruction apart. Callbacks run on a
// callback thread of the pool that answered, as of Pool::call_async.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/pool.hpp"

namespace ordeal::pool {

enum class DifferenceKind : std::uint8_t {
  outcome,         // one version answered, the other did not
  error,           // both failed, for different reasons
  missing_member,  // the new version's object lacks it
  new_member,      // the old version's object lacks it
  type,            // text here, a number there
  length,          // of a list
  value,
};
[[nodiscard]] std::string_view to_string(DifferenceKind kind);

struct Difference {
  DifferenceKind kind = DifferenceKind::value;
  std::string place;  // JSON pointer into the result ("/answer/0"); in `error` the two codes
  friend bool operator==(const Difference&, const Difference&) = default;
};

struct CompareRules {
  // JSON pointers into the result; a segment "*" stands for any. What lies there and below may
  // differ.
  std::vector<std::string> ignore;
  // Numbers a and b are alike if |a - b| <= tolerance * max(|a|, |b|).
  double tolerance = 0;
};

// When the new version may answer more, and when it must not answer any more.
struct RolloutRules {
  std::vector<double> shares{0.05, 0.10, 0.25, 0.50, 0.75, 1.0};  // rising, in (0, 1]
  std::uint64_t stage_requests = 200;       // that the new version answers in each stage
  std::chrono::milliseconds stage_time{0};  // and so long is each stage at least
  // Back if it is all but certain (lower end of the 95 % Wilson interval) that the new version
  // fails more often than `error_rate_max` and than `error_ratio_max` times the old one.
  std::uint64_t failures_min = 3;  // the first request may fail in any version
  double error_rate_max = 0.05;
  double error_ratio_max = 3.0;
  // Back if this percentile of its latencies is more than `latency_ratio_max` times the old one's,
  // and more than `latency_floor` above it. Judged from `latency_requests` answers of each on.
  std::uint32_t latency_percent = 90;
  double latency_ratio_max = 2.0;
  std::chrono::milliseconds latency_floor{1};
  std::uint64_t latency_requests = 50;
};

struct MigrationOptions {
  WorkerProgram program;        // the new version; runs with the old pool's options otherwise
  std::uint32_t size = 0;       // workers of the new version; 0: as many as the old pool's
  double share = 0.1;           // shadow: of the requests, in [0, 1]
  bool shadow_effects = false;  // shadow requests that are not idempotent, too: they happen twice
  CompareRules compare;
  std::optional<RolloutRules> rollout;  // set: a rollout instead of a shadow
  std::uint64_t seed = 0;               // which requests go to the new version
  // The roll at the end of a rollout is given up after so long.
  std::chrono::milliseconds roll_timeout{60'000};
};

enum class MigrationState : std::uint8_t {
  shadowing,  // for as long as the migration is there
  rolling_out,
  rolling,      // the last stage is passed: the pool's own workers are being replaced
  done,         // the old pool runs the new version; the pool of the new one is gone
  rolled_back,  // the old pool answers everything, as before
};
[[nodiscard]] std::string_view to_string(MigrationState state);

struct VersionFigures {
  std::uint64_t answered = 0;  // those that say something of the version
  std::uint64_t failed = 0;
  // The percentile RolloutRules::latency_percent of the last ones; in a shadow the 90th.
  std::chrono::nanoseconds latency{};
};

struct MigrationReport {
  MigrationState state = MigrationState::shadowing;
  double share = 0;
  std::uint32_t stage = 0;  // of the rollout, from 0
  std::string reason;       // rolled_back: why, with the figures
  VersionFigures old_version, new_version;
  std::uint64_t requests = 0;
  std::uint64_t kept_for_session = 0;  // not for the new version, whatever the share
  std::uint64_t kept_for_effects = 0;  // shadow: not idempotent
  std::uint64_t compared = 0;
  std::uint64_t alike = 0;
  // One of the answers says nothing of its version, or too many waited to be compared.
  std::uint64_t not_compared = 0;
  std::map<DifferenceKind, std::uint64_t> by_kind;  // comparisons with such a difference
  std::map<std::pair<DifferenceKind, std::string>, std::uint64_t> by_place;  // the first 64 places
};

namespace migration {
class Engine;
}

class Migration {
 public:
  // Starts a pool of the new version beside `old_pool`, which must outlive the migration. Errors:
  // as Pool::start, and invalid_option.
  [[nodiscard]] static Result<Migration> start(Pool& old_pool, MigrationOptions options);

  Migration(Migration&&) noexcept;
  Migration& operator=(Migration&&) noexcept;
  // As stop(). The old pool goes on, with whatever version it runs then.
  ~Migration();

  // As Pool::call_async; the ticket cancels the request that is answered, not its shadow.
  Result<Ticket> call_async(std::string_view command, JsonText arguments,
                            const CallOptions& options, Pool::Callback callback);

  // Waits until all that was sent twice is compared and a roll that has begun is over; then ends
  // the pool of the new version. From then on the old pool answers everything. Idempotent.
  void stop();

  [[nodiscard]] MigrationReport report() const;

 private:
  explicit Migration(std::unique_ptr<migration::Engine> engine);
  std::unique_ptr<migration::Engine> engine_;
};

}  // namespace ordeal::pool

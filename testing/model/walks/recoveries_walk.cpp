// (44) The book of recoveries: each ends once, and never more than max_concurrent are active.
#include <map>
#include <vector>

#include "pool/core/recovery_ledger.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::RecoveryOutcome;
using pool::RecoveryStatistics;
using Key = RecoveryLedger::Key;

namespace {

class Walk {
 public:
  explicit Walk(Random& random)
      : random_(random), max_(static_cast<std::uint32_t>(random.between(1, 4))), ledger_(max_) {}

  std::string step() {
    now_ += Duration{random_.between(0, 9)};
    const auto choice = random_.below(4);
    if (choice < 2 || given_.empty()) return begin();
    const std::size_t which = random_.below(given_.size());
    return choice == 2 ? end(which) : admit(which);
  }

 private:
  struct Given {
    Key key;
    Instant begun{};
    bool active = true;
  };

  std::string begin() {
    const auto key = ledger_.begin(now_);
    if (key.has_value() != (active_ < max_)) {
      return key ? "(44) one more than max_concurrent is active" : "(44) one is refused needlessly";
    }
    if (!key) {
      ++said_.refused;
      return compare();
    }
    for (const Given& before : given_) {
      if (before.key == *key) return "(44) a key is given twice";
    }
    given_.push_back({*key, now_});
    ++active_;
    ++said_.initiated;
    return compare();
  }

  std::string end(std::size_t which) {
    Given& given = given_[which];
    const auto outcome = static_cast<RecoveryOutcome>(random_.below(4));
    const auto took = ledger_.end(given.key, outcome, now_);
    if (took.has_value() != given.active) return "(44) a recovery ends once, and only once";
    if (!took) {
      ++said_.stale;
      return compare();
    }
    if (*took != now_ - given.begun) return "(44) a recovery took another time";
    given.active = false;
    --active_;
    ++(outcome == RecoveryOutcome::succeeded   ? said_.succeeded
       : outcome == RecoveryOutcome::failed    ? said_.failed
       : outcome == RecoveryOutcome::cancelled ? said_.cancelled
                                               : said_.timed_out);
    return compare();
  }

  std::string admit(std::size_t which) {
    const Given& given = given_[which];
    if (ledger_.is_active(given.key) != given.active) return "(44) it is active, or is not";
    if (ledger_.admit(given.key) != given.active) return "(44) what comes late is let in";
    if (!given.active) ++said_.stale;
    return compare();
  }

  std::string compare() const {
    const RecoveryStatistics& real = ledger_.statistics();
    const bool same = real.initiated == said_.initiated && real.succeeded == said_.succeeded &&
                      real.failed == said_.failed && real.cancelled == said_.cancelled &&
                      real.timed_out == said_.timed_out && real.refused == said_.refused &&
                      real.stale == said_.stale && real.active == active_;
    return same ? "" : "(44) recoveries are counted otherwise than they went";
  }

  Random& random_;
  std::uint32_t max_;
  RecoveryLedger ledger_;
  Instant now_{std::chrono::seconds{1}};
  std::vector<Given> given_;
  std::uint32_t active_ = 0;
  RecoveryStatistics said_;
};

}  // namespace

std::string walk_recoveries(Random& random, std::uint32_t steps) {
  Walk walk{random};
  // Each step looks through all that were before.
  for (std::uint32_t step = 0; step < std::min(steps, 500U); ++step) {
    if (std::string error = walk.step(); !error.empty()) return error;
  }
  return {};
}

}  // namespace ordeal::trial

// Fail at N, for all N: each system call of a spawn, and of a warden's start, is made to fail once.
// The error must name its step, and nothing may be left: no descriptor, no child (the fixture).
#include <fmt/format.h>

#include <cerrno>

#include "pool/process/tests/support.hpp"
#include "pool/process/warden.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::process {
namespace {

class FailAt final : public SpawnHook {
 public:
  FailAt(int at, int error) : left_(at), error_(error) {}
  int before(SpawnStep step) noexcept override {
    if (--left_ != 0) return 0;
    struck_ = true;
    step_ = step;
    return error_;
  }
  [[nodiscard]] bool struck() const { return struck_; }
  [[nodiscard]] SpawnStep step() const { return step_; }

 private:
  int left_;
  int error_;
  bool struck_ = false;
  SpawnStep step_{};
};

class FailAtN : public ProcessTest {};

constexpr int points_max = 200;

// Walks the points until one run meets no failure any more. Returns how many there were.
template <typename Attempt>
[[nodiscard]] int walk(Attempt attempt, std::set<SpawnStep>& visited) {
  for (int at = 1; at <= points_max; ++at) {
    FailAt hook(at, EMFILE);
    const std::set<std::string> before = open_descriptors();
    const std::string message = attempt(&hook);
    EXPECT_EQ(open_descriptors(), before) << "leak at point " << at;
    EXPECT_EQ(children(), std::vector<std::string>{}) << "child left at point " << at;
    if (!hook.struck()) {
      EXPECT_EQ(message, "");
      return at - 1;
    }
    visited.insert(hook.step());
    const std::string end =
        fmt::format(" failed at {}: EMFILE (Too many open files)", to_string(hook.step()));
    EXPECT_TRUE(message.ends_with(end)) << message << "; expected at its end: " << end;
  }
  ADD_FAILURE() << "never succeeded";
  return points_max;
}

TEST_F(FailAtN, EverySystemCallOfASpawn) {
  cites(52);
  Result<Warden> warden = Warden::start();
  ASSERT_TRUE(warden);
  std::set<SpawnStep> visited;
  // The warden is a child that is there all the time.
  int points = 0;
  for (int at = 1; at <= points_max; ++at) {
    FailAt hook(at, EMFILE);
    SpawnRequest request = shell("true");
    request.lifeline = warden->lifeline();
    request.inherited.push_back({2, "TWO"});
    request.hook = &hook;
    const std::set<std::string> before = open_descriptors();
    Result<WorkerProcess> worker = spawn(request);
    if (!hook.struck()) {
      ASSERT_TRUE(worker);
      (void)must_reap(*worker);
      ASSERT_TRUE(warden->unregister_group(worker->group()));
      break;
    }
    points = at;
    visited.insert(hook.step());
    ASSERT_FALSE(worker) << "point " << at << " at " << to_string(hook.step()) << " was ignored";
    EXPECT_EQ(open_descriptors(), before) << "leak at " << to_string(hook.step());
    const std::string end =
        fmt::format(" failed at {}: EMFILE (Too many open files)", to_string(hook.step()));
    EXPECT_TRUE(worker.error().message.ends_with(end)) << worker.error().message;
    EXPECT_EQ(worker.error().code, ErrorCode::spawn_failed);
  }
  // 4 pipes, 4 ends, 5 descriptors moved and placed, 9 single steps.
  EXPECT_EQ(points, 4 + 4 + 5 + 5 + 9);
  EXPECT_EQ(visited.size(), 16U);
  // A child that registered and then failed is unregistered again: 0 and 1 are all that is open.
  EXPECT_TRUE(eventually([&] { return descriptors_of(warden->pid()) == 2; }, warden->pidfd()));
}

TEST_F(FailAtN, ASpawnWithADirectory) {
  std::set<SpawnStep> visited;
  (void)walk(
      [](SpawnHook* hook) -> std::string {
        SpawnRequest request = shell("true");
        request.working_directory = "/";
        request.hook = hook;
        Result<WorkerProcess> worker = spawn(request);
        if (worker) return {};
        const std::string text = worker.error().message;
        return text.ends_with(": /") ? text.substr(0, text.size() - 3) : text;
      },
      visited);
  EXPECT_TRUE(visited.contains(SpawnStep::changed_directory));
}

TEST_F(FailAtN, EverySystemCallOfAWardensStart) {
  cites(52);
  std::set<SpawnStep> visited;
  const int points = walk(
      [](SpawnHook* hook) -> std::string {
        const Result<Warden> warden = Warden::start(hook);
        return warden ? "" : warden.error().message;
      },
      visited);
  EXPECT_EQ(points, 4 + 2 + 1 + 3 + 2 + 3);
}

// A failed restart leaves no warden, and can be tried again.
TEST_F(FailAtN, EverySystemCallOfAWardensRestart) {
  Result<Warden> warden = Warden::start();
  ASSERT_TRUE(warden);
  for (int at = 1;; ++at) {
    ASSERT_LT(at, points_max);
    FailAt hook(at, ENOMEM);
    const Result<void> restarted = warden->restart({}, &hook);
    EXPECT_EQ(restarted.has_value(), !hook.struck());
    EXPECT_EQ(is_alive(warden->pidfd()), restarted.has_value());
    SpawnRequest request = shell("true");
    request.lifeline = warden->lifeline();
    Result<WorkerProcess> worker = spawn(request);
    EXPECT_EQ(worker.has_value(), restarted.has_value());
    if (worker) (void)must_reap(*worker);
    if (restarted) break;
  }
}

}  // namespace
}  // namespace ordeal::pool::process

// CPU taken from everybody by threads of this process that compute. They end with the process.
// Proof: their own CPU clocks.
#include <fmt/format.h>
#include <pthread.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

class Burners {
 public:
  explicit Burners(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        while (!ended_.load(std::memory_order_relaxed)) {
          for (int turn = 0; turn < 10'000; ++turn) turns_.fetch_add(1, std::memory_order_relaxed);
        }
      });
    }
  }
  ~Burners() {
    ended_.store(true);
    for (std::thread& thread : threads_) thread.join();
  }
  Burners(const Burners&) = delete;
  Burners& operator=(const Burners&) = delete;

  // By all of them together.
  [[nodiscard]] milliseconds cpu_used() {
    std::int64_t nanoseconds = 0;
    for (std::thread& thread : threads_) {
      clockid_t clock{};
      timespec time{};
      if (pthread_getcpuclockid(thread.native_handle(), &clock) == 0 &&
          clock_gettime(clock, &time) == 0) {
        nanoseconds += time.tv_sec * 1'000'000'000 + time.tv_nsec;
      }
    }
    return milliseconds{nanoseconds / 1'000'000};
  }

 private:
  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> turns_{0};
  std::vector<std::thread> threads_;
};

constexpr milliseconds convincing{20};

}  // namespace

void add_burners(std::vector<FaultKind>& kinds) {
  FaultKind kind{
      .name = "burn_cpu",
      .summary = "threads that compute, on all CPUs: noisy neighbours",
      .proof = "they have used CPU time, by their own clocks",
      .expected = "slower; no restart, no deadline cascade; as fast as before afterwards",
      .aim = Aim::host,
      .options = {{"threads", 1, 256, 2, "how many compute"}}};
  kind.inject = [](Strike& strike, Site&) -> Attempt<void> {
    strike.resource = std::make_shared<Burners>(strike.value("threads"));
    return {};
  };
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    auto* burners = static_cast<Burners*>(strike.resource.get());
    if (burners == nullptr || burners->cpu_used() < convincing) return {};
    return fmt::format("{} ms of CPU burnt", burners->cpu_used().count());
  };
  undo_by_release(kind);
  kinds.push_back(std::move(kind));
}

}  // namespace ordeal::chaos

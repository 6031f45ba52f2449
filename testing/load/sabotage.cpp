#include "testing/load/sabotage.hpp"

#include <atomic>
#include <mutex>
#include <utility>

#include "pool/core/time.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::trial {
namespace {

namespace runtime = pool::runtime;

// Let the run get going first.
constexpr std::uint64_t good_calls_first = 20;

class SwapReplies final : public LoadTarget {
 public:
  explicit SwapReplies(std::shared_ptr<LoadTarget> target) : target_(std::move(target)) {}

  Answer call(std::string_view command, std::string_view arguments, TimePoint deadline) override {
    Answer answer = target_->call(command, arguments, deadline);
    if (answer.outcome != Outcome::ok || ++good_ <= good_calls_first) return answer;
    {
      const std::lock_guard lock{mutex_};
      if (swapped_) return answer;
      if (first_ != nullptr) {
        std::swap(first_->reply_text, answer.reply_text);
        swapped_ = true;
        wake_.notify();
        return answer;
      }
      first_ = &answer;
    }
    wait_for_another(runtime::to_instant(deadline));
    return answer;
  }

 private:
  void wait_for_another(runtime::Instant deadline) {
    while (true) {
      const std::uint32_t ticket = wake_.ticket();
      {
        const std::lock_guard lock{mutex_};
        if (!swapped_ && runtime::now() >= deadline) first_ = nullptr;
        if (swapped_ || first_ == nullptr) return;
      }
      wake_.wait_until(deadline, ticket);
    }
  }

  std::shared_ptr<LoadTarget> target_;
  std::atomic<std::uint64_t> good_{0};
  std::mutex mutex_;
  Answer* first_ = nullptr;
  bool swapped_ = false;
  runtime::WakeWord wake_;
};

class FailAll final : public LoadTarget {
 public:
  explicit FailAll(std::shared_ptr<LoadTarget> target) : target_(std::move(target)) {}

  Answer call(std::string_view command, std::string_view arguments, TimePoint deadline) override {
    Answer answer = target_->call(command, arguments, deadline);
    if (answer.outcome != Outcome::ok) return answer;
    return {.outcome = Outcome::failed,
            .code = "sabotaged",
            .message = "this pool fails every call",
            .worker = answer.worker,
            .attempts = answer.attempts};
  }

 private:
  std::shared_ptr<LoadTarget> target_;
};

class LoseOne final : public LoadTarget {
 public:
  explicit LoseOne(std::shared_ptr<LoadTarget> target) : target_(std::move(target)) {}

  Answer call(std::string_view command, std::string_view arguments, TimePoint deadline) override {
    if (++calls_ == good_calls_first) {
      while (true) never_.wait_until(pool::core::never, never_.ticket());
    }
    return target_->call(command, arguments, deadline);
  }

 private:
  std::shared_ptr<LoadTarget> target_;
  std::atomic<std::uint64_t> calls_{0};
  runtime::WakeWord never_;
};

}  // namespace

std::optional<Sabotage> parse_sabotage(std::string_view name) {
  if (name == "swap-replies") return Sabotage::swap_replies;
  if (name == "fail-all") return Sabotage::fail_all;
  if (name == "lose-one") return Sabotage::lose_one;
  return {};
}

std::shared_ptr<LoadTarget> sabotaged(Sabotage how, std::shared_ptr<LoadTarget> target) {
  switch (how) {
    case Sabotage::swap_replies:
      return std::make_shared<SwapReplies>(std::move(target));
    case Sabotage::fail_all:
      return std::make_shared<FailAll>(std::move(target));
    case Sabotage::lose_one:
      return std::make_shared<LoseOne>(std::move(target));
  }
  return target;
}

}  // namespace ordeal::trial

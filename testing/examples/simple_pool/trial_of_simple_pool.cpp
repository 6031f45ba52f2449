#include "testing/examples/simple_pool/trial_of_simple_pool.hpp"

#include <thread>

#include "testing/contract/real_stage.hpp"

namespace simple_pool {

namespace trial = ordeal::trial;
using ordeal::pool::ErrorCode;
using trial::Capability;

namespace {

// The pool's answers, in the words of the contract.
trial::TrialOutcome as_outcome(const Answer& answer) {
  const std::string reply = answer.line.substr(0, answer.line.find('\n'));
  switch (answer.how) {
    case Answer::How::replied:
      if (answer.line.starts_with(R"({"error")")) {
        return trial::failed_with(ErrorCode::application_error, reply);
      }
      return {.reply = reply};
    case Answer::How::died:
      return trial::failed_with(ErrorCode::worker_died, "the worker died");
    case Answer::How::late:
      return trial::failed_with(ErrorCode::call_timeout, "the worker is late");
    case Answer::How::waited_too_long:
      return trial::failed_with(ErrorCode::queue_timeout, "no worker in time");
    case Answer::How::full:
      return trial::failed_with(ErrorCode::queue_full, "too many wait");
    case Answer::How::stopping:
      return trial::failed_with(ErrorCode::pool_stopping, "the pool stops");
    case Answer::How::stopped:
      return trial::failed_with(ErrorCode::stopped_in_flight, "the pool has stopped");
  }
  return {};
}

class SimplePoolOnTrial : public trial::PoolUnderTest {
 public:
  explicit SimplePoolOnTrial(Flaws flaws) : flaws_(std::move(flaws)) {}
  ~SimplePoolOnTrial() override {
    if (stopper_.joinable()) stopper_.join();
  }

  std::vector<Capability> capabilities() const override {
    return {Capability::deadlines, Capability::queue_bound, Capability::replaces_workers,
            Capability::error_replies};
  }
  std::string start(const trial::Setup& setup, OnTold) override {
    pool_.emplace(std::vector<std::string>{TEST_PYTHON, SIMPLE_WORKER}, setup.size, setup.queue_max,
                  flaws_);
    return {};
  }
  std::uint64_t submit(const trial::TrialRequest& request, OnOutcome on_outcome) override {
    pool_->submit({.line = request.arguments + "\n",
                   .deadline = std::chrono::steady_clock::now() + request.deadline,
                   .tell = [on_outcome](const Answer& answer) { on_outcome(as_outcome(answer)); }});
    return 0;
  }
  void stop(trial::milliseconds grace, std::function<void()> stopped) override {
    stopper_ = std::thread{[this, grace, stopped = std::move(stopped)] {
      pool_->stop(grace);
      stopped();
    }};
  }

 private:
  const Flaws flaws_;
  std::optional<SimplePool> pool_;
  std::thread stopper_;
};

}  // namespace

trial::MakeWorld on_trial(Flaws flaws) {
  return [flaws = std::move(flaws)] {
    return trial::World{.stage = std::make_shared<trial::RealStage>(),
                        .pool = std::make_shared<SimplePoolOnTrial>(flaws)};
  };
}

}  // namespace simple_pool

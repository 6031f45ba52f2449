// Behind simulated_world.hpp: one pool and its stage, in one object.
//
// A `hand` is one time that a worker has one request in hand: the number of the grant. What was
// planned for an earlier hand is seen to be stale by its number.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pool/core/core.hpp"
#include "testing/contract/pool_under_test.hpp"
#include "testing/model/core_oracle.hpp"
#include "testing/zoo/zoo_worker.hpp"

namespace ordeal::trial {

class SimulationOfPool final : public Stage, public PoolUnderTest {
 public:
  // As a pool.
  [[nodiscard]] std::vector<Capability> capabilities() const override;
  [[nodiscard]] std::string start(const Setup& setup, OnTold on_told) override;
  std::uint64_t submit(const TrialRequest& request, OnOutcome on_outcome) override;
  void cancel(std::uint64_t ticket) override;
  void stop(milliseconds grace, std::function<void()> stopped) override;
  [[nodiscard]] std::optional<TrialCounts> counts() override;

  // As a stage.
  [[nodiscard]] std::string address() const override { return "simulated"; }
  void post(News news) override { mailbox_.push_back(std::move(news)); }
  [[nodiscard]] std::optional<News> next(milliseconds patience) override;
  void play(std::uint64_t arrival, const Act& act) override;
  void kill(std::uint64_t worker) override;
  void reach(milliseconds from_now) override;
  [[nodiscard]] std::string name_of(std::uint64_t worker) const override;
  [[nodiscard]] std::string broken() const override { return broken_; }

 private:
  using Instant = pool::core::Instant;
  using WorkerId = pool::core::WorkerId;

  struct Request {
    pool::core::TicketId id;
    TrialRequest asked;
    OnOutcome on_outcome;
    Instant deadline{};
    std::uint64_t hand = 0;  // that is open; 0: none
    pool::core::WireProgress progress{};
    std::string reply;
  };
  // What a worker says in answer to a request.
  struct Answer {
    pool::core::ExchangeVerdict verdict = pool::core::ExchangeVerdict::replied;
    pool::ErrorCode code = pool::ErrorCode::none;
    bool retryable = false;
    bool callers_fault = false;
    std::string reply = "{}";
  };
  struct Process {
    WorkerId id;
    bool alive = true;
    bool ready = false;
    bool heeds_shutdown = true;
    bool heeds_sigterm = true;
    bool reads = true;
    bool awaits_cancel = false;
    bool draining = false;
    std::uint64_t hand = 0;  // that it works on; 0: none
    std::size_t request = 0;
    std::optional<Answer> late;  // said when nobody listened any more
  };

  // Time.
  void plan(pool::core::Duration from_now, std::function<void()> what);
  [[nodiscard]] bool step(Instant deadline);
  void feed(const pool::core::Event& event);
  void perform(const pool::core::Action& action);
  void tell(const pool::core::action::Emit& emitted) const;
  void resolve(const pool::core::action::Resolve& resolved);
  [[nodiscard]] std::uint32_t session_number(const std::string& name);
  [[nodiscard]] pool::core::CircuitId circuit_of(const std::string& key);

  // simulated_workers.cpp
  void spawn(WorkerId worker);
  void grant(const pool::core::action::Grant& granted);
  void interrupt(const pool::core::action::Interrupt& interrupted);
  void drain(WorkerId worker);
  void leave(WorkerId worker, bool told_to, bool forced);
  void die(WorkerId worker, bool inside_a_frame = false, bool by_outsider = false);
  void act_out(std::uint64_t hand, const Act& act);
  [[nodiscard]] std::optional<Answer> answer_to(Process& process, const Act& act);
  [[nodiscard]] std::optional<Answer> judged(const ZooAnswer& said, std::uint64_t id) const;
  void say(Process& process, Answer answer);
  void hear_late(Process& process);
  void end_exchange(std::size_t request, std::uint64_t hand, const Answer& answer);
  [[nodiscard]] Process* find(WorkerId worker);
  [[nodiscard]] Process* having(std::uint64_t hand);

  Setup setup_;
  OnTold on_told_;
  std::unique_ptr<pool::core::Core> core_;
  std::unique_ptr<CoreOracle> oracle_;
  std::string broken_;
  std::uint32_t frame_bytes_max_ = 1;
  Instant now_{};
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> agenda_;
  std::uint64_t planned_ = 0;
  std::deque<News> mailbox_;
  std::deque<Request> requests_;
  std::map<std::uint64_t, Process> processes_;  // by serial
  std::map<std::string, std::uint32_t> sessions_;
  std::map<std::string, std::uint32_t> circuits_;
  std::uint64_t last_hand_ = 0;
  std::uint32_t starts_ = 0;
  std::function<void()> stopped_;
};

}  // namespace ordeal::trial

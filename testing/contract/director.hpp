// Walks one scenario through one world, step by step, and keeps the account. See trial.hpp.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "testing/contract/trial.hpp"

namespace ordeal::trial {

class Director {
 public:
  Director(const Scenario& scenario, World world, const TrialOptions& options);
  [[nodiscard]] Report run();

 private:
  struct Ticket {
    const TicketSpec* spec = nullptr;
    std::uint64_t number = 0;              // for cancel()
    std::optional<std::uint64_t> arrival;  // is held in a worker's hand
    Act part;                              // and will be told so
    std::set<std::string> told;
  };

  [[nodiscard]] bool take(const Step& step);
  [[nodiscard]] bool wait(const Step& step);
  [[nodiscard]] bool is_there(const Step& step) const;
  void submit_ticket(const std::string& name);
  [[nodiscard]] TrialRequest request_of(const TicketSpec& spec);
  void heed(const News& news);
  void heed_arrival(const news::Arrived& arrived);
  [[nodiscard]] bool hear(milliseconds patience);
  void let_go(Ticket& ticket);
  void let_all_go();
  // director_ends.cpp
  void check_calm();
  [[nodiscard]] static bool is_of_calm(const std::string& ticket);
  void end_it();
  void await_ends();
  void complain_of_waiting(const Step& step);
  void say(std::string doing, milliseconds most = milliseconds{0}) const {
    if (!options_.on_step) return;
    options_.on_step({std::move(doing), most + patience_ - options_.patience});
  }
  void found(FindingKind kind, std::string sentence) {
    report_.findings.push_back({kind, std::move(sentence)});
  }
  [[nodiscard]] bool was_too_slow() const;
  [[nodiscard]] milliseconds stretched(milliseconds time);
  [[nodiscard]] std::uint64_t last_worker_of(const std::string& ticket) const;

  const Scenario& scenario_;
  World world_;
  const TrialOptions options_;
  milliseconds patience_;  // the options', and by how much anything was stretched
  Report report_;
  std::map<std::string, Ticket> tickets_;
  std::vector<TicketSpec> calm_;
  std::uint32_t calm_in_hand_ = 0;
  std::optional<Account> before_cut_;
  bool stop_sent_ = false;
  bool stopped_ = false;
};

}  // namespace ordeal::trial

// What simulated workers do with a request, and what the pool's host sees of it: the commands of
// the zoo (python_mock/README.md) that the contract uses.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "testing/contract/simulation_of_pool.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using namespace std::chrono_literals;
using pool::ErrorCode;
using Json = nlohmann::json;
using V = ExchangeVerdict;

namespace {

constexpr Duration news_takes = 100us;  // from a worker to its host, or the other way
constexpr Duration start_takes = 1ms;
constexpr std::size_t pipe_holds = 1U << 16U;

}  // namespace

SimulationOfPool::Process* SimulationOfPool::find(WorkerId worker) {
  const auto it = processes_.find(worker.serial);
  return it == processes_.end() ? nullptr : &it->second;
}

SimulationOfPool::Process* SimulationOfPool::having(std::uint64_t hand) {
  for (auto& [serial, process] : processes_) {
    if (process.hand == hand && process.alive) return &process;
  }
  return nullptr;
}

std::string SimulationOfPool::name_of(std::uint64_t worker) const {
  return "simulated worker " + std::to_string(worker);
}

void SimulationOfPool::spawn(WorkerId worker) {
  processes_[worker.serial] = {.id = worker};
  ++starts_;
  const Starts& starts = setup_.starts;
  plan(start_takes, [this, worker, starts, count = starts_] {
    Process* process = find(worker);
    if (process == nullptr || !process->alive) return;
    if (starts.how == Starts::How::hang) {
      process->heeds_shutdown = false;
      return;
    }
    if (starts.how == Starts::How::garbage) {
      return feed(event::WorkerFaulted{worker, ErrorCode::handshake_failed});
    }
    const bool fails = starts.how == Starts::How::fail ||
                       (starts.how == Starts::How::fail_first && count <= starts.count);
    if (fails) return die(worker);
    process->ready = true;
    feed(event::WorkerReady{worker, 1});
  });
}

void SimulationOfPool::grant(const action::Grant& granted) {
  const std::size_t index = granted.ticket.index;
  Request& request = requests_.at(index);
  Process& process = processes_.at(granted.worker.serial);
  const std::uint64_t hand = request.hand = ++last_hand_;
  process.hand = hand;
  process.request = index;
  process.late.reset();
  process.draining = process.awaits_cancel = false;
  // Of what a worker does not read, a pipe takes no more than it holds.
  request.progress = !process.reads && request.asked.arguments.size() > pipe_holds
                         ? WireProgress::partial
                         : WireProgress::written;
  if (!process.alive) {
    request.progress = WireProgress::untouched;
    return plan(news_takes,
                [this, index, hand] { end_exchange(index, hand, {.verdict = V::lost}); });
  }
  plan(request.deadline - now_,
       [this, index, hand] { end_exchange(index, hand, {.verdict = V::timed_out}); });
  if (!process.reads) return;
  plan(news_takes, [this, hand, worker = granted.worker.serial, name = request.asked.name] {
    if (having(hand) != nullptr) post(news::Arrived{hand, name, worker});
  });
}

void SimulationOfPool::interrupt(const action::Interrupt& interrupted) {
  const std::size_t index = interrupted.ticket.index;
  const bool cancelled = interrupted.reason == InterruptReason::cancelled;
  plan({}, [this, index, hand = requests_.at(index).hand, cancelled] {
    end_exchange(index, hand, {.verdict = cancelled ? V::cancelled : V::lost});
  });
}

// The pool's side of an exchange ends, unless it has already.
void SimulationOfPool::end_exchange(std::size_t index, std::uint64_t hand, const Answer& answer) {
  Request& request = requests_.at(index);
  if (request.hand != hand) return;
  request.hand = 0;
  request.reply = answer.reply;
  // A reply says that the request was written.
  const bool answered = answer.verdict == V::replied || answer.verdict == V::application_error ||
                        answer.verdict == V::violated;
  if (answered) {
    for (auto& [serial, process] : processes_) {
      if (process.hand == hand) process.hand = 0;
    }
  }
  feed(event::ExchangeEnded{.ticket = request.id,
                            .verdict = answer.verdict,
                            .progress = request.progress,
                            .code = answer.code,
                            .retryable = answer.retryable,
                            .callers_fault = answer.callers_fault});
}

void SimulationOfPool::drain(WorkerId worker) {
  Process* process = find(worker);
  if (process == nullptr) return;
  process->draining = true;
  if (process->awaits_cancel) {
    process->awaits_cancel = false;
    plan(news_takes, [this, hand = process->hand] {
      if (Process* still = having(hand)) say(*still, {});
    });
  } else if (process->late) {
    hear_late(*process);
  }
}

// A worker answers: the caller hears it, or whoever drains.
void SimulationOfPool::say(Process& process, Answer answer) {
  Request& request = requests_.at(process.request);
  if (request.hand == process.hand) {
    return end_exchange(process.request, process.hand, answer);
  }
  process.late = std::move(answer);
  if (process.draining) hear_late(process);
}

void SimulationOfPool::hear_late(Process& process) {
  const Answer answer = *process.late;
  process.late.reset();
  process.draining = false;
  process.hand = 0;
  const bool fine = answer.verdict == V::replied || answer.verdict == V::application_error;
  plan(news_takes, [this, worker = process.id, fine, code = answer.code] {
    const Process* still = find(worker);
    if (still == nullptr || !still->alive) return;
    if (fine) return feed(event::LateReplyDrained{worker, 0});
    feed(event::WorkerFaulted{worker, code});
  });
}

// Asked by a shutdown, or told by a signal.
void SimulationOfPool::leave(WorkerId worker, bool asked, bool forced) {
  const Process* process = find(worker);
  if (process == nullptr || !process->alive) return;
  const bool idle = process->hand == 0;
  if (!forced && !(asked ? process->heeds_shutdown && idle : process->heeds_sigterm)) return;
  plan(news_takes, [this, worker] { die(worker); });
}

void SimulationOfPool::kill(std::uint64_t worker) {
  const auto it = processes_.find(worker);
  if (it == processes_.end() || !it->second.alive) return;
  plan(news_takes, [this, id = it->second.id] { die(id, false, true); });
}

// The stage sees it at once, the pool's host a little later: first the stream, then the exit.
void SimulationOfPool::die(WorkerId worker, bool inside_a_frame, bool by_outsider) {
  Process* process = find(worker);
  if (process == nullptr || !process->alive) return;
  process->alive = false;
  post(news::Gone{worker.serial});
  const ErrorCode code = inside_a_frame ? ErrorCode::truncated_reply : ErrorCode::none;
  plan(news_takes, [this, index = process->request, hand = process->hand, code] {
    if (hand != 0) end_exchange(index, hand, {.verdict = V::lost, .code = code});
  });
  plan(2 * news_takes, [this, worker, by_outsider] {
    feed(event::WorkerExited{.worker = worker, .spawned = true, .by_outsider = by_outsider});
  });
}

void SimulationOfPool::play(std::uint64_t arrival, const Act& act) {
  plan(news_takes, [this, arrival, act] { act_out(arrival, act); });
}

void SimulationOfPool::act_out(std::uint64_t hand, const Act& act) {
  Process* process = having(hand);
  if (process == nullptr) return;
  if (auto answer = answer_to(*process, act)) say(*process, std::move(*answer));
}

// Nothing: it does not answer, or not now.
std::optional<SimulationOfPool::Answer> SimulationOfPool::answer_to(Process& process,
                                                                    const Act& act) {
  const std::string& command = act.command;
  const Json args = Json::parse(act.arguments, nullptr, false);
  const auto violates = [](ErrorCode code) { return Answer{.verdict = V::violated, .code = code}; };
  const auto dies = [&](bool inside_a_frame) {
    die(process.id, inside_a_frame);
    return std::nullopt;
  };
  if (command == "echo" || command == "dribble_reply") return Answer{.reply = act.arguments};
  if (command == "crash") return dies(false);
  if (command == "hang") return std::nullopt;
  if (command == "error" || command == "raise") {
    return Answer{.verdict = V::application_error,
                  .retryable = args.value("retryable", false),
                  .callers_fault = args.value("type", "") == "InvalidArgument"};
  }
  if (command == "wait_cancel") {
    if (process.draining) return Answer{};  // the cancel came first
    process.awaits_cancel = true;
    return std::nullopt;
  }
  if (command == "bad_json") return violates(ErrorCode::malformed_frame);
  if (command == "not_object") return violates(ErrorCode::malformed_reply);
  if (command == "wrong_id") return violates(ErrorCode::reply_id_mismatch);
  if (command == "garbage") return violates(ErrorCode::reply_too_large);
  if (command == "oversize_frame") {
    if (!args.contains("length")) return violates(ErrorCode::reply_too_large);
    if (args["length"] == 0) return violates(ErrorCode::malformed_frame);
    return std::nullopt;  // it is awaited
  }
  if (command == "partial_frame") {
    if (args.value("then", "") == "exit") return dies(true);
    return std::nullopt;
  }
  if (command == "close_stdout") {
    end_exchange(process.request, process.hand, {.verdict = V::lost});
    return std::nullopt;
  }
  if (command == "unrepresentable") {
    if (args.value("raw", false)) return violates(ErrorCode::malformed_frame);
    return Answer{.verdict = V::application_error};
  }
  if (command == "stray_bytes_after_reply") return Answer{.code = ErrorCode::stray_output};
  if (command == "exit_after_reply") {
    plan(news_takes, [this, worker = process.id] { die(worker); });
  } else if (command == "ignore_signals") {
    process.heeds_sigterm = false;
  } else if (command == "refuse_to_die") {
    process.heeds_sigterm = process.heeds_shutdown = false;
  } else if (command == "stop_reading") {
    process.reads = false;
  } else if (command != "big_reply" && command != "print_stdout" && command != "flood_stderr") {
    broken_ = "the simulated workers do not know the command " + command;
  }
  return Answer{};
}

}  // namespace ordeal::trial

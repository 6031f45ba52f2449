// What simulated workers do with a request, and what the pool's host sees of it: the commands of
// the zoo, with their very bytes (testing/zoo), judged by the pool's own wire.
#include <algorithm>
#include <chrono>

#include "pool/wire/exchange.hpp"

#include "testing/contract/simulation_of_pool.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using namespace std::chrono_literals;
using pool::ErrorCode;
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
  const bool fine = (answer.verdict == V::replied || answer.verdict == V::application_error) &&
                    answer.code == ErrorCode::none;
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

// What the pool's wire makes of these bytes; nothing: it waits for more.
std::optional<SimulationOfPool::Answer> SimulationOfPool::judged(const ZooAnswer& said,
                                                                 std::uint64_t id) const {
  pool::wire::Channel channel(frame_bytes_max_);
  channel.start(id, "r", never);
  channel.on_written(1);
  for (std::string_view left : said.pieces) {
    while (!left.empty() && !channel.result()) {
      const auto space = channel.read_space();
      const std::size_t count = std::min(space.size(), left.size());
      std::copy_n(left.begin(), count, space.begin());
      channel.on_read(count);
      left.remove_prefix(count);
    }
  }
  if (!channel.result()) return std::nullopt;
  const pool::wire::ExchangeResult& result = *channel.result();
  return Answer{
      .verdict = result.verdict,
      .code = result.code,
      .retryable = result.application && result.application->retryable.value_or(false),
      .callers_fault = result.application && result.application->type == "InvalidArgument",
      .reply = std::string{result.reply}};
}

// Nothing: it does not answer, or not now.
std::optional<SimulationOfPool::Answer> SimulationOfPool::answer_to(Process& process,
                                                                    const Act& act) {
  const std::vector<std::string_view> known = zoo_commands();
  if (std::find(known.begin(), known.end(), act.command) == known.end()) {
    broken_ = "the simulated workers do not know the command " + act.command;
  }
  const std::string arguments = act.arguments.empty() ? "{}" : act.arguments;
  const ZooAnswer said = zoo_answer({.id = process.hand,
                                     .command = act.command,
                                     .args = ZooJson::parse(arguments, nullptr, false),
                                     .error_object = true,
                                     .cancellable = true,
                                     .cancelled = process.draining});  // the cancel came first
  if (said.ignores_signals) process.heeds_sigterm = false;
  if (said.refuses_to_die) process.heeds_shutdown = false;
  if (said.pauses.count() > 0) process.reads = false;
  std::optional<Answer> answer = judged(said, process.hand);
  switch (said.end) {
    case ZooEnd::serves:
    case ZooEnd::hangs:
      break;
    case ZooEnd::exits:
    case ZooEnd::is_killed:
      if (answer) {
        plan(news_takes, [this, worker = process.id] { die(worker); });
      } else {
        die(process.id, !said.pieces.empty());
      }
      break;
    case ZooEnd::is_mute:
      end_exchange(process.request, process.hand, {.verdict = V::lost});
      break;
    case ZooEnd::is_deaf:
      process.reads = false;
      break;
    case ZooEnd::awaits_cancel:
      process.awaits_cancel = true;
      return std::nullopt;
  }
  return answer;
}

}  // namespace ordeal::trial

#include "testing/contract/walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <sstream>

#include "pool/core/random.hpp"

namespace ordeal::trial {
namespace {

// What a worker may make of a request, and what comes of it.
struct Part {
  const char* command;
  const char* arguments;
  const char* code;
  bool loses_worker;
  bool of_stream;
  bool as_late_reply;  // also when nobody awaits it any more: drained, or the worker is lost
};
constexpr std::array<Part, 13> parts{{
    {"echo", "", "ok", false, false, true},
    {"echo", "", "ok", false, false, true},
    {"echo", "", "ok", false, false, true},
    {"error", "{}", "application_error", false, false, true},
    {"crash", R"({"exit_code":3})", "worker_died", true, false, true},
    {"crash", R"({"signal":"SIGKILL"})", "worker_died", true, false, true},
    {"wrong_id", R"({"delta":1})", "reply_id_mismatch", true, true, false},
    {"wrong_id", R"({"delta":-1})", "reply_id_mismatch", true, true, false},
    {"bad_json", "{}", "malformed_frame", true, true, false},
    {"not_object", "{}", "malformed_reply", true, true, false},
    {"oversize_frame", "{}", "reply_too_large", true, true, false},
    {"partial_frame", R"({"bytes":10,"then":"exit","exit_code":7})", "truncated_reply", true, true,
     false},
    {"stray_bytes_after_reply", "{}", "ok", true, true, false},
}};

constexpr milliseconds deadline{10'000};
constexpr std::uint32_t reaches_max = 3;  // others' deadlines are six times as far

// The pool, as it must be: nothing in it knows how a pool is made.
class ModelPool {
 public:
  explicit ModelPool(const WalkSetup& setup) : setup_(setup), free_(setup.size) {
    scenario_.family = "walk";
    scenario_.setup.size = setup.size;
    scenario_.setup.queue_max = setup.queue_max;
    scenario_.setup.start_failures_max = 1000;  // that many die: the pool goes on all the same
  }

  void take(const Choice& choice) {
    switch (choice.what % 16) {
      case 10:
      case 11:
        return cancel_waiting(choice);
      case 12:
        return cancel_in_hand(choice);
      case 13:
        return kill(choice);
      case 14:
        return choice.how % 4 == 0 ? stop(choice) : submit(choice);
      case 15:
        return reach();
      default:
        return choice.what % 16 < 5 ? submit(choice) : release(choice.who);
    }
  }

  Scenario finish() {
    while (!in_hand_.empty() || !owing_.empty()) release(0);
    if (stopping_) step(stopped());
    // Where nothing ever happened in that order, the order is still to be compared.
    if (scenario_.tickets.empty()) submit({});
    while (!in_hand_.empty()) release(0);
    scenario_.order = outcomes_;
    scenario_.hands = hands_;
    return std::move(scenario_);
  }

 private:
  using Names = std::deque<std::string>;

  void step(Step one) { scenario_.steps.push_back(std::move(one)); }
  TicketSpec& spec(const std::string& name) {
    return *std::find_if(scenario_.tickets.begin(), scenario_.tickets.end(),
                         [&](const TicketSpec& ticket) { return ticket.name == name; });
  }
  [[nodiscard]] const Part& part(const std::string& name) const { return parts[part_of_.at(name)]; }

  void submit(const Choice& choice) {
    if (stopping_ && !stop_is_known_) return;
    const std::string name = fmt::format("t{}", scenario_.tickets.size() + 1);
    std::size_t which = choice.how % parts.size();
    if (parts[which].of_stream && !setup_.faults_of_stream) which %= 6;
    part_of_[name] = which;
    TicketSpec ticket{.name = name, .acts = {held(parts[which].command, parts[which].arguments)}};
    ticket.expect.code = parts[which].code;
    if (setup_.deadlines && choice.who % 4 == 0) ticket.deadline = deadline;
    ticket.idempotent = choice.who % 3 == 0;  // without retries it changes nothing
    scenario_.tickets.push_back(std::move(ticket));
    step(trial::submit(name));
    if (stopping_) return refuse(name, "pool_stopping");
    if (free_ == 0 && waiting_.size() >= setup_.queue_max) return refuse(name, "queue_full");
    waiting_.push_back(name);
    serve();
  }

  // No worker has seen it.
  void refuse(const std::string& name, const char* code) {
    spec(name).expect = refused(code);
    ended(name);
  }

  void ended(const std::string& name) {
    step(outcome(name));
    outcomes_.push_back(name);
  }

  void serve() {
    while (free_ > 0 && !waiting_.empty() && !stopping_) {
      --free_;
      in_hand_.push_back(waiting_.front());
      waiting_.pop_front();
      hands_.push_back(in_hand_.back());
      step(trial::in_hand(in_hand_.back()));
    }
  }

  // Its worker does what it is to do. Of one that nobody awaits any more that is a late reply.
  void release(std::uint32_t who) {
    const std::size_t count = in_hand_.size() + owing_.size();
    if (count == 0) return;
    const std::size_t at = who % count;
    const bool is_late = at >= in_hand_.size();
    const std::string name = is_late ? owing_[at - in_hand_.size()] : in_hand_[at];
    std::erase(is_late ? owing_ : in_hand_, name);
    const Part done = part(name);
    step(trial::release(name));
    if (!is_late) ended(name);
    if (done.loses_worker) {
      step(gone(name));
    } else if (is_late && !stopping_) {
      ++scenario_.drained;
    }
    back(done.loses_worker);
  }

  // A worker, or the one that takes its place.
  void back(bool lost) {
    if (lost && !stopping_) ++scenario_.lost;
    ++free_;
    serve();
  }

  void cancel_waiting(const Choice& choice) {
    if (waiting_.empty() || !setup_.cancels) return;
    const std::string name = waiting_[choice.who % waiting_.size()];
    std::erase(waiting_, name);
    step(cancel(name));
    refuse(name, "cancelled");
  }

  // Not while the pool stops: it does not wait for late replies.
  void cancel_in_hand(const Choice& choice) {
    if (in_hand_.empty() || !setup_.cancels || stopping_) return;
    const std::string name = in_hand_[choice.who % in_hand_.size()];
    if (!part(name).as_late_reply) return;
    std::erase(in_hand_, name);
    owing_.push_back(name);
    step(cancel(name));
    spec(name).expect = fails("cancelled_in_flight");
    ended(name);
  }

  void kill(const Choice& choice) {
    if (in_hand_.empty()) return;
    const std::string name = in_hand_[choice.who % in_hand_.size()];
    std::erase(in_hand_, name);
    step(kill_worker_of(name));
    spec(name).expect = fails("worker_died");
    ended(name);
    step(gone(name));
    back(true);
  }

  // Those in hand may end; whoever waits, or comes later, is told at once.
  void stop(const Choice&) {
    if (stopping_ || !owing_.empty()) return;
    stopping_ = true;
    stop_is_known_ = !waiting_.empty();  // by the outcome of the first of them
    step(trial::stop(ample));
    while (!waiting_.empty()) {
      const std::string name = waiting_.front();
      waiting_.pop_front();
      refuse(name, "pool_stopping");
    }
  }

  // To the deadline of all that have one.
  void reach() {
    if (!setup_.deadlines || reaches_ == reaches_max || stopping_) return;
    ++reaches_;
    step(trial::reach("the deadline of all that have one", deadline + milliseconds{1}));
    const Names known_waiting = waiting_;
    const Names known_in_hand = in_hand_;
    for (const TicketSpec& ticket : std::vector<TicketSpec>(scenario_.tickets)) {
      const std::string& name = ticket.name;
      if (!ticket.deadline) continue;
      if (std::erase(waiting_, name) != 0) {
        refuse(name, "queue_timeout");
      } else if (std::erase(in_hand_, name) != 0) {
        spec(name).expect = fails("call_timeout");
        ended(name);
        owing_.push_back(name);
      }
    }
  }

  const WalkSetup setup_;
  Scenario scenario_;
  std::map<std::string, std::size_t> part_of_;
  std::uint32_t free_;  // workers
  Names waiting_;
  Names in_hand_;
  Names owing_;
  std::vector<std::string> outcomes_;
  std::vector<std::string> hands_;
  std::uint32_t reaches_ = 0;
  bool stopping_ = false;
  bool stop_is_known_ = false;
};

}  // namespace

Walk draw_walk(std::uint64_t seed, std::size_t length) {
  constexpr std::uint64_t walk_salt = 0x3a1c;
  pool::core::Random random(seed ^ walk_salt);
  const auto below = [&random](std::uint32_t bound) {
    return static_cast<std::uint32_t>(random.below(bound));
  };
  Walk walk(length);
  for (Choice& choice : walk) choice = {below(16), below(60), below(780)};
  return walk;
}

Scenario scenario_of(const Walk& walk, const WalkSetup& setup) {
  ModelPool pool(setup);
  for (const Choice& choice : walk) pool.take(choice);
  Scenario scenario = pool.finish();
  scenario.name = to_text(walk);
  return scenario;
}

Walk shrink_walk(Walk walk, const std::function<bool(const Walk&)>& fails,
                 std::uint32_t tries_max) {
  std::uint32_t tries = 0;
  for (std::size_t piece = std::max<std::size_t>(walk.size() / 2, 1);; piece /= 2) {
    for (std::size_t at = 0; at < walk.size() && tries < tries_max;) {
      Walk less = walk;
      const auto begin = less.begin() + static_cast<std::ptrdiff_t>(at);
      less.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(piece, walk.size() - at)));
      ++tries;
      if (fails(less)) {
        walk = std::move(less);
      } else {
        at += piece;
      }
    }
    if (piece <= 1 || tries >= tries_max) return walk;
  }
}

std::string to_text(const Walk& walk) {
  std::string text;
  for (const Choice& choice : walk) {
    text += fmt::format("{}{}.{}.{}", text.empty() ? "" : " ", choice.what, choice.who, choice.how);
  }
  return text;
}

Walk walk_of(const std::string& text) {
  Walk walk;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    std::istringstream numbers(word);
    Choice choice;
    char dot = '.';
    numbers >> choice.what >> dot >> choice.who >> dot >> choice.how;
    walk.push_back(choice);
  }
  return walk;
}

}  // namespace ordeal::trial

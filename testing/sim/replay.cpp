#include "testing/sim/replay.hpp"

#include <optional>
#include <variant>

#include "pool/core/trace.hpp"
#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout

namespace {

class Replayer {
 public:
  explicit Replayer(std::string_view trace, bool judges = false)
      : reader_(trace), judges_(judges) {}

  ReplayResult run() {
    for (;;) {
      const auto line = reader_.next();
      if (!line) return stop(line.error().line, line.error().message);
      if (!*line) break;
      std::visit([this](const auto& l) { on(l); }, **line);
      if (result_.line != 0) return result_;
    }
    expect_nothing_more();
    result_.same = result_.line == 0;
    return result_;
  }
  [[nodiscard]] const std::string& broken() const { return broken_; }

 private:
  void on(const TraceHeader& header) {
    core_.emplace(header.options, header.seed);
    core_->set_emit(header.emit);
    if (judges_) oracle_.emplace(header.options);
  }
  void on(const TracedEvent& traced) {
    expect_nothing_more();
    if (result_.line != 0) return;
    ++result_.events;
    if (oracle_) oracle_->before(traced.at, traced.event);
    core_->handle_event(traced.at, traced.event);
    result_.last_event = traced.at;
    if (const auto* submitted = std::get_if<event::Submitted>(&traced.event)) {
      note_deadline(submitted->deadline);
    }
  }
  void on(const EmitSwitch& switched) {
    expect_nothing_more();
    core_->set_emit(switched.enabled);
  }
  void on(const Action&) {
    ++result_.actions;
    differ_unless(reader_.line());
  }
  // At the next event, or the end, the core must have said all that it has to say.
  void expect_nothing_more() {
    if (!core_) return;
    differ_unless("");
    if (const auto due = core_->poll_timeout()) note_deadline(*due);
    if (oracle_ && result_.events > 0) judge();
  }

  void note_deadline(Instant at) {
    auto& known = result_.deadlines;
    if (at != never && (known.empty() || known.back() != at)) known.push_back(at);
  }
  void judge() {
    oracle_->after(*core_);
    if (broken_.empty() && !oracle_->error().empty()) {
      broken_ = oracle_->error() + " (event " + std::to_string(result_.events) + ")";
    }
  }

  void differ_unless(std::string_view expected) {
    const auto action = core_->poll_action();
    std::string said;
    if (action) write_action(said, *action);
    // What it tells it may tell from any moment on, so that is not judged.
    if (action && oracle_ && !std::holds_alternative<action::Emit>(*action)) {
      oracle_->action(*action);
    }
    if (!said.empty()) said.pop_back();  // the end of the line
    if (said == expected || result_.line != 0) return;
    stop(reader_.line_number(),
         "line " + std::to_string(reader_.line_number()) + ": the trace says <" +
             (expected.empty() ? "no more actions" : std::string(expected)) + ">, the core says <" +
             (said.empty() ? "no more actions" : said) + ">");
  }
  ReplayResult stop(std::uint64_t line, std::string why) {
    result_.line = line;
    result_.difference = std::move(why);
    return result_;
  }

  TraceReader reader_;
  bool judges_;
  std::optional<Core> core_;
  std::optional<CoreOracle> oracle_;
  std::string broken_;
  ReplayResult result_;
};

}  // namespace

ReplayResult replay(std::string_view trace) { return Replayer(trace).run(); }

std::string broken_promise(std::string_view trace) {
  Replayer replayer{trace, true};
  const ReplayResult result = replayer.run();
  if (!replayer.broken().empty() || result.same) return replayer.broken();
  return "(51) what was recorded is not what its core says again: " + result.difference;
}

}  // namespace ordeal::trial

#include "testing/zoo/zoo_worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "pool/wire/frame.hpp"
#include "testing/zoo/python_random.hpp"
#include "testing/zoo/zoo_arguments.hpp"

namespace ordeal::trial {
namespace {

constexpr std::size_t frame_bytes_max = 64 << 20;  // of the kit
constexpr std::int64_t pieces_bytes_max = 64 << 20;

struct Failure {
  std::string type;
  std::string message;
  bool retryable = false;
  ZooJson traceback = nullptr;
};

// One request in a worker's hands.
struct Play {
  const ZooRequest& request;
  const ZooFacts& facts;
  ZooArguments args;

  explicit Play(const ZooRequest& of, const ZooFacts& known)
      : request(of), facts(known), args(of.args) {}
};

std::string framed(std::string_view body) {
  std::string frame(pool::wire::header_bytes, '\0');
  pool::wire::store_length(frame.data(), static_cast<std::uint32_t>(body.size()));
  return frame.append(body);
}

std::string header_of(std::uint32_t length) {
  std::string header(pool::wire::header_bytes, '\0');
  pool::wire::store_length(header.data(), length);
  return header;
}

std::string failure_frame(const Play& play, const Failure& failure) {
  const ZooJson error = play.request.error_object ? ZooJson{{"type", failure.type},
                                                            {"message", failure.message},
                                                            {"retryable", failure.retryable},
                                                            {"traceback", failure.traceback}}
                                                  : ZooJson(failure.type + ": " + failure.message);
  return framed(fmt::format(R"({{"id":{},"success":false,"error":{},"timestamp":{}}})",
                            play.request.id, error.dump(), play.facts.timestamp));
}

// `result`: JSON text.
std::string success_frame(const Play& play, const std::string& result, std::int64_t id) {
  const std::string body = fmt::format(R"({{"id":{},"success":true,"result":{},"timestamp":{}}})",
                                       id, result, play.facts.timestamp);
  if (body.size() <= frame_bytes_max) return framed(body);
  return failure_frame(play, {.type = "ReplyTooLarge",
                              .message = fmt::format("the reply has {} bytes, the cap is {}",
                                                     body.size(), frame_bytes_max)});
}

std::string reply_frame(const Play& play, const ZooJson& result, std::int64_t id_delta = 0) {
  return success_frame(play, result.dump(), static_cast<std::int64_t>(play.request.id) + id_delta);
}

ZooAnswer says(std::string piece) {
  ZooAnswer answer;
  answer.pieces.push_back(std::move(piece));
  return answer;
}

ZooAnswer replies(const Play& play, const ZooJson& result) {
  return says(reply_frame(play, result));
}

ZooAnswer fails(const Play& play, const Failure& failure) {
  return says(failure_frame(play, failure));
}

ZooAnswer ends(ZooEnd how, int status = 0) {
  ZooAnswer answer;
  answer.end = how;
  answer.status = status;
  return answer;
}

ZooJson given(const Play& play, const char* name) {
  return play.args.all().value(name, ZooJson(0));
}

// --- Ordinary replies.

ZooAnswer echo(Play& play) { return replies(play, play.args.all()); }

ZooAnswer after_a_while(Play& play, const char* said_as) {
  const auto takes = play.args.time("ms");
  ZooAnswer answer = replies(play, {{said_as, given(play, "ms")}});
  answer.takes = takes;
  return answer;
}

ZooAnswer sleeps(Play& play) { return after_a_while(play, "slept_ms"); }
ZooAnswer late_reply(Play& play) { return after_a_while(play, "late_ms"); }
ZooAnswer busy(Play& play) { return after_a_while(play, "busy_ms"); }

ZooAnswer error(Play& play) {
  Failure failure;
  failure.message = play.args.text("message", "failed as asked");
  failure.type = play.args.text("type", "ScriptedError");
  failure.retryable = play.args.flag("retryable");
  return fails(play, failure);
}

ZooAnswer raise(Play& play) {
  return fails(
      play,
      {.type = "ValueError", .message = "raised as asked", .traceback = play.facts.traceback});
}

ZooAnswer unrepresentable(Play& play) {
  const std::string kind = play.args.choice("kind", "nan", {"nan", "surrogate", "bigint", "bytes"});
  constexpr const char* two_to_the_70 = "1180591620717411303424";
  const auto id = static_cast<std::int64_t>(play.request.id);
  const auto refused = [&](std::string why) {
    return fails(play, {.type = "UnrepresentableValue", .message = std::move(why)});
  };
  const bool raw = play.args.flag("raw");
  if (kind == "bigint") return says(success_frame(play, two_to_the_70, id));
  if (kind == "nan") {
    return raw ? says(success_frame(play, "NaN", id)) : refused(play.facts.refusal_of_nan);
  }
  if (kind == "surrogate") {
    return raw ? says(success_frame(play, R"("\ud800")", id))
               : refused("text with a lone surrogate (U+D800) is not UTF-8");
  }
  return raw ? says(success_frame(play, std::string{"\"\0\xff\"", 4}, id))
             : refused("an object of type bytes is not JSON serializable");
}

ZooAnswer big_reply(Play& play) {
  const std::int64_t count = play.args.integer("bytes", 1 << 20);
  return replies(play,
                 std::string(static_cast<std::size_t>(std::min(count, pieces_bytes_max + 1)), 'x'));
}

ZooAnswer progress(Play& play) {
  const std::int64_t count = play.args.integer("count", 1);
  const auto pause = play.args.time("every_ms");
  ZooAnswer answer = replies(play, {{"reported", count}});
  answer.takes = count * pause;
  return answer;
}

ZooAnswer wait_cancel(Play& play) {
  const auto longest = play.args.time("ms", 60'000);
  if (!play.request.cancellable) return replies(play, {{"cancelled", false}});
  if (play.request.cancelled) {
    return fails(play, {.type = "Cancelled", .message = "the request was cancelled"});
  }
  ZooAnswer answer = replies(play, {{"cancelled", false}});
  answer.end = ZooEnd::awaits_cancel;
  answer.takes = longest;
  return answer;
}

ZooAnswer pid(Play& play) {
  return replies(play,
                 {{"pid", play.facts.pid}, {"ppid", play.facts.ppid}, {"pgid", play.facts.pid}});
}

ZooAnswer context(Play& play) {
  const ZooJson& told = play.request.context;
  const auto member = [&told](const char* name) {
    return told.is_object() ? told.value(name, ZooJson(nullptr)) : ZooJson(nullptr);
  };
  return replies(play, {{"label", member("label")},
                        {"traceparent", member("traceparent")},
                        {"session", member("session")},
                        {"attempt", member("attempt")},
                        {"remaining_ms", member("deadline_ms")}});
}

ZooAnswer print_stdout(Play& play) {
  (void)play.args.text("text");
  return replies(play, {{"printed", 4}});
}

ZooAnswer flood_stderr(Play& play) {
  return replies(play, {{"written", play.args.integer("bytes", 1 << 20)}});
}

// --- The stream.

ZooAnswer garbage(Play& play) {
  const std::int64_t count = play.args.integer("bytes", 64);
  const std::int64_t seed = play.args.integer("seed");
  return says(python_random_bytes(static_cast<std::uint64_t>(seed),
                                  static_cast<std::size_t>(std::min(count, pieces_bytes_max))));
}

ZooAnswer bad_json(Play& play) {
  return says(
      framed(play.args.text("text", fmt::format(R"({{"id":{},"success":tru)", play.request.id))));
}

ZooAnswer not_object(Play& /*play*/) { return says(framed("[1,2,3]")); }

ZooAnswer partial_frame(Play& play) {
  const auto count = static_cast<std::size_t>(play.args.integer("bytes", 10));
  const bool exits = play.args.choice("then", "hang", {"hang", "exit"}) == "exit";
  const std::int64_t status = play.args.integer("exit_code", 1);
  const std::string frame = reply_frame(play, play.args.all());
  ZooAnswer answer = says(frame.substr(0, std::min(count, frame.size() - 1)));
  answer.end = exits ? ZooEnd::exits : ZooEnd::hangs;
  answer.status = exits ? static_cast<int>(status & 0xFF) : 0;
  return answer;
}

ZooAnswer oversize_frame(Play& play) {
  return says(header_of(static_cast<std::uint32_t>(play.args.integer("length", 0xFFFFFFFF))));
}

ZooAnswer wrong_id(Play& play) {
  const std::int64_t delta =
      play.args.integer("delta", 1, std::numeric_limits<std::int64_t>::min());
  return says(reply_frame(play, {{"wrong_id", true}}, delta));
}

ZooAnswer duplicate_reply(Play& play) {
  ZooAnswer answer = replies(play, play.args.all());
  answer.apart = play.args.time("apart_ms");
  answer.pieces.push_back(answer.pieces.front());
  return answer;
}

ZooAnswer dribble_reply(Play& play) {
  const std::string frame = reply_frame(play, play.args.all());
  const auto size = static_cast<std::size_t>(play.args.integer("piece", 1, 1));
  ZooAnswer answer;
  answer.apart = play.args.time("apart_ms");
  for (std::size_t at = 0; at < frame.size(); at += size) {
    answer.pieces.push_back(frame.substr(at, size));
  }
  return answer;
}

ZooAnswer stray_bytes_after_reply(Play& play) {
  const std::int64_t count = play.args.integer("bytes", 5);
  std::string stray;
  while (std::cmp_less(stray.size(), count)) stray += "stray";
  stray.resize(static_cast<std::size_t>(count));
  return says(reply_frame(play, {{"stray_bytes", count}}) + stray);
}

ZooAnswer stop_reading(Play& play) {
  const auto pause = play.args.time("ms");
  ZooAnswer answer = replies(play, {{"stopped_ms", given(play, "ms")}});
  answer.pauses = pause;
  return answer;
}

ZooAnswer close_stdout(Play& /*play*/) { return ends(ZooEnd::is_mute); }

ZooAnswer close_stdin(Play& play) {
  ZooAnswer answer = replies(play, {{"closed", "stdin"}});
  answer.end = ZooEnd::is_deaf;
  return answer;
}

// --- The process.

// 0: there is none of that name.
int signal_of(const ZooJson& wanted) {
  if (wanted.is_number_integer()) {
    const auto number = wanted.get<std::int64_t>();
    return number > 0 && number < NSIG && ::sigabbrev_np(static_cast<int>(number)) != nullptr
               ? static_cast<int>(number)
               : 0;
  }
  if (!wanted.is_string()) return 0;
  for (int number = 1; number < NSIG; ++number) {
    const char* name = ::sigabbrev_np(number);
    if (name != nullptr && wanted == "SIG" + std::string{name}) return number;
  }
  return 0;
}

// SIGUSR1 has a handler: it writes the stacks.
bool kills_nobody(int signal) {
  constexpr std::array harmless{SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGUSR1};
  return std::find(harmless.begin(), harmless.end(), signal) != harmless.end();
}

ZooAnswer crash(Play& play) {
  const auto named = play.args.all().find("signal");
  if (named == play.args.all().end()) {
    return ends(ZooEnd::exits, static_cast<int>(play.args.integer("exit_code", 1) & 0xFF));
  }
  const int signal = signal_of(*named);
  if (signal == 0) {
    play.args.refuse("signal must be a name or a number, not " + python_repr(*named));
  }
  if (kills_nobody(signal)) return replies(play, {{"survived", signal}});
  return ends(ZooEnd::is_killed, signal);
}

ZooAnswer hang(Play& play) {
  (void)play.args.flag("gil");
  return ends(ZooEnd::hangs);
}

ZooAnswer ignore_signals(Play& play) {
  ZooAnswer answer = replies(play, {{"ignored", {"SIGTERM", "SIGINT", "SIGHUP"}}});
  answer.ignores_signals = true;
  return answer;
}

ZooAnswer refuse_to_die(Play& play) {
  ZooAnswer answer = ignore_signals(play);
  answer.refuses_to_die = true;
  return answer;
}

ZooAnswer grow_memory(Play& play) {
  return replies(play, {{"held_mb", play.facts.held_mb + play.args.integer("mb", 1)}});
}

ZooAnswer exit_after_reply(Play& play) {
  const auto status = static_cast<int>(play.args.integer("exit_code", 0) & 0xFF);
  ZooAnswer answer = replies(play, {{"exiting", status}});
  answer.end = ZooEnd::exits;
  answer.status = status;
  return answer;
}

ZooAnswer grandchildren(Play& play) {
  (void)play.args.flag("ignore_term");
  (void)play.args.flag("setsid");
  (void)play.args.choice("hold", "nothing", {"nothing", "stderr", "protocol"});
  std::vector<std::int64_t> pids = play.facts.children;
  pids.resize(static_cast<std::size_t>(play.args.integer("count", 1)));
  return replies(play, {{"pids", pids}});
}

ZooAnswer play_part(Play& play);

struct Command {
  std::string_view name;
  ZooAnswer (*play)(Play&);
};

constexpr std::array<Command, 34> commands{{
    {"echo", echo},
    {"sleep", sleeps},
    {"busy", busy},
    {"late_reply", late_reply},
    {"error", error},
    {"raise", raise},
    {"unrepresentable", unrepresentable},
    {"big_reply", big_reply},
    {"progress", progress},
    {"wait_cancel", wait_cancel},
    {"pid", pid},
    {"context", context},
    {"print_stdout", print_stdout},
    {"flood_stderr", flood_stderr},
    {"play", play_part},
    {"garbage", garbage},
    {"bad_json", bad_json},
    {"not_object", not_object},
    {"partial_frame", partial_frame},
    {"oversize_frame", oversize_frame},
    {"wrong_id", wrong_id},
    {"duplicate_reply", duplicate_reply},
    {"dribble_reply", dribble_reply},
    {"stray_bytes_after_reply", stray_bytes_after_reply},
    {"stop_reading", stop_reading},
    {"close_stdout", close_stdout},
    {"close_stdin", close_stdin},
    {"crash", crash},
    {"exit_after_reply", exit_after_reply},
    {"hang", hang},
    {"ignore_signals", ignore_signals},
    {"refuse_to_die", refuse_to_die},
    {"grow_memory", grow_memory},
    {"grandchildren", grandchildren},
}};

ZooAnswer play_part(Play& play) {
  const std::string ticket = play.args.text("ticket");
  (void)play.args.text("stage");
  const auto& part = play.request.part;
  if (!part) {
    return fails(play,
                 {.type = "StageGone",
                  .message = "the director of " + python_repr(ticket) + " left without a word"});
  }
  ZooRequest other = play.request;
  other.command = part->value("command", "");
  other.args = part->value("args", ZooJson::object());
  other.part.reset();
  const auto known = [&](const Command& c) { return c.name == other.command; };
  if (other.command == "play" || std::none_of(commands.begin(), commands.end(), known)) {
    return fails(play, {.type = "InvalidArgument",
                        .message = "no such part: " + python_repr(other.command)});
  }
  return zoo_answer(other, play.facts);
}

}  // namespace

std::string ZooAnswer::bytes() const {
  std::string all;
  for (const std::string& piece : pieces) all += piece;
  return all;
}

ZooAnswer zoo_answer(const ZooRequest& request, const ZooFacts& facts) {
  Play play{request, facts};
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const Command& command) {
    return command.name == request.command;
  });
  if (found == commands.end()) {
    return fails(play,
                 {.type = "UnknownCommand", .message = "Unknown command: " + request.command});
  }
  ZooAnswer answer = found->play(play);
  if (play.args.wrong().empty()) return answer;
  return fails(play, {.type = "InvalidArgument", .message = play.args.wrong()});
}

std::vector<std::string_view> zoo_commands() {
  std::vector<std::string_view> names;
  for (const Command& command : commands) names.push_back(command.name);
  return names;
}

}  // namespace ordeal::trial

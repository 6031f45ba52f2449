// The simulated worker and the Python kit write the same bytes for each command of the zoo.
//
// Each row is played on both: the same request frames go in, and what comes out is compared byte
// for byte, with timestamps zeroed. What only the process knows (its numbers, file names in a
// traceback) is read from the real transcript and told to the zoo in C++.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "pool/wire/frame.hpp"
#include "pool/wire/request.hpp"
#include "testing/cites/cites.hpp"
#include "testing/contract/real_stage.hpp"
#include "testing/leaks/leak_listener.hpp"
#include "testing/zoo/tests/real_worker.hpp"
#include "testing/zoo/zoo_worker.hpp"

namespace ordeal::trial {
namespace {

namespace wire = pool::wire;

struct Row {
  const char* command;
  const char* args = "{}";
  bool cancel = false;  // a cancel for it comes right behind it
};

// Those whose worker reads on. All of them go to one worker, one behind the other.
constexpr Row serving[] = {
    {"echo", R"({"deep":[1,-2.5,1e300,{"x":null,"y":[]}],"z":"é \"quoted\" \\ \u0001 \n 😀"})"},
    {"echo"},
    {"sleep", R"({"ms":1})"},
    {"sleep", R"({"ms":1.5})"},
    {"sleep"},
    {"sleep", R"({"ms":-1})"},
    {"sleep", R"({"ms":"soon"})"},
    {"busy", R"({"ms":1})"},
    {"busy", R"({"ms":true})"},
    {"late_reply", R"({"ms":2})"},
    {"error"},
    {"error", R"({"type":"Mishap","message":"as told","retryable":true})"},
    {"error", R"({"message":7})"},
    {"error", R"({"type":null,"message":"it's \"so\""})"},
    {"error", R"({"retryable":"it's"})"},
    {"raise"},
    {"unrepresentable"},
    {"unrepresentable", R"({"kind":"surrogate"})"},
    {"unrepresentable", R"({"kind":"bigint"})"},
    {"unrepresentable", R"({"kind":"bytes"})"},
    {"unrepresentable", R"({"kind":"nan","raw":true})"},
    {"unrepresentable", R"({"kind":"surrogate","raw":true})"},
    {"unrepresentable", R"({"kind":"bigint","raw":true})"},
    {"unrepresentable", R"({"kind":"bytes","raw":true})"},
    {"unrepresentable", R"({"kind":"who","raw":1})"},
    {"unrepresentable", R"({"kind":["a",{"b":false}]})"},
    {"big_reply", R"({"bytes":200000})"},
    {"big_reply", R"({"bytes":0})"},
    {"big_reply", R"({"bytes":1.0})"},
    {"progress", R"({"count":3})"},
    {"wait_cancel", R"({"ms":60000})", true},
    {"pid"},
    {"context"},
    {"print_stdout", R"({"text":"stray"})"},
    {"flood_stderr", R"({"bytes":150000})"},
    {"garbage", R"({"bytes":37,"seed":5})"},
    {"garbage", R"({"bytes":64,"seed":18446744073})"},
    {"garbage"},
    {"garbage", R"({"bytes":0})"},
    {"bad_json"},
    {"bad_json", R"({"text":"no {json"})"},
    {"not_object"},
    {"oversize_frame"},
    {"oversize_frame", R"({"length":5})"},
    {"wrong_id"},
    {"wrong_id", R"({"delta":-1})"},
    {"wrong_id", R"({"delta":-100000})"},
    {"duplicate_reply", R"({"apart_ms":1,"x":[1,2]})"},
    {"dribble_reply", R"({"piece":7,"text":"piece by piece"})"},
    {"dribble_reply", R"({"piece":0})"},
    {"stray_bytes_after_reply"},
    {"stray_bytes_after_reply", R"({"bytes":13})"},
    {"stray_bytes_after_reply", R"({"bytes":0})"},
    {"stop_reading", R"({"ms":1})"},
    {"crash", R"({"signal":"SIGCHLD"})"},
    {"crash", R"({"signal":28})"},
    {"crash", R"({"signal":"SIGNAL"})"},
    {"crash", R"({"signal":0})"},
    {"crash", R"({"exit_code":-1})"},
    {"exit_after_reply", R"({"exit_code":"three"})"},
    {"hang", R"({"gil":1})"},
    {"grow_memory", R"({"mb":2})"},
    {"grandchildren", R"({"count":2})"},
    {"grandchildren", R"({"hold":"hands"})"},
    {"partial_frame", R"({"then":"sing"})"},
    {"play", R"({"stage":1})"},
    {"no_such_command"},
    {"ignore_signals"},
};

// Those that are their worker's last, or need its input to stay open.
constexpr Row last[] = {
    {"wait_cancel", R"({"ms":1})"},
    {"crash"},
    {"crash", R"({"exit_code":259})"},
    {"crash", R"({"signal":"SIGKILL"})"},
    {"crash", R"({"signal":15})"},
    {"exit_after_reply", R"({"exit_code":7})"},
    {"partial_frame", R"({"bytes":6,"then":"exit","exit_code":9})"},
    {"partial_frame", R"({"bytes":100000,"then":"hang"})"},
    {"close_stdout"},
    {"close_stdin"},
    {"hang"},
    {"hang", R"({"gil":true})"},
    {"refuse_to_die"},
    {"crash", R"({"signal":"SIGSTOP"})"},
};

std::string zeroed(const std::string& bytes) {
  static const std::regex timestamp(R"re("timestamp":\d{10}\.\d{3})re");
  return std::regex_replace(bytes, timestamp, R"("timestamp":0000000000.000)");
}

// What a capture finds in the real transcript, or nothing.
std::string found_in(const std::string& bytes, const char* expression) {
  std::smatch match;
  return std::regex_search(bytes, match, std::regex(expression)) ? match[1].str() : "";
}

struct Terms {
  wire::Capabilities offered;
  [[nodiscard]] bool has(wire::Capability what) const { return offered.has(what); }
};

std::string frame_of(const Row& row, std::uint64_t id, const Terms& terms) {
  wire::Context context{.deadline_ms = 60'000, .attempt = 2, .label = "zoo", .traceparent = "00-1"};
  std::string frame;
  const auto encoded =
      wire::encode_request(frame,
                           {.id = id,
                            .command = row.command,
                            .args = row.args,
                            .timestamp = "t",
                            .context = terms.has(wire::Capability::context) ? &context : nullptr},
                           1 << 20);
  EXPECT_TRUE(encoded) << row.command << row.args;
  return frame;
}

// As the worker reads it.
ZooRequest request_of(const std::string& frame, const Row& row, const Terms& terms) {
  const ZooJson body = ZooJson::parse(frame.substr(wire::header_bytes));
  return {.id = body["id"],
          .command = body["command"],
          .args = body["args"],
          .error_object = terms.has(wire::Capability::error_object),
          .cancellable = terms.has(wire::Capability::cancel),
          .cancelled = row.cancel && terms.has(wire::Capability::cancel),
          .context = body.value("context", ZooJson(nullptr))};
}

ZooFacts facts_of(const RealWorker& worker, const std::string& said) {
  ZooFacts facts{.timestamp = "0000000000.000", .pid = worker.pid(), .ppid = ::getpid()};
  std::istringstream pids(found_in(said, R"re("pids":\[([\d,]+)\])re"));
  for (std::string pid; std::getline(pids, pid, ',');) facts.children.push_back(std::stoll(pid));
  const std::string traceback = found_in(said, R"re("traceback":("Traceback(?:\\.|[^"])*"))re");
  if (!traceback.empty()) facts.traceback = ZooJson::parse(traceback);
  const std::string of_nan = found_in(said, "(Out of range float values[^\"]*)");
  if (!of_nan.empty()) facts.refusal_of_nan = of_nan;
  return facts;
}

std::string shown(const std::string& bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 400)) {
    text += c >= 0x20 && c < 0x7F ? std::string{c}
                                  : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

class ZooTranscripts : public ::testing::TestWithParam<bool> {
 protected:
  static Terms terms() {
    Terms terms;
    if (!GetParam()) return terms;
    for (const auto each :
         {wire::Capability::cancel, wire::Capability::context, wire::Capability::error_object}) {
      terms.offered.add(each);
    }
    return terms;
  }
};

TEST_P(ZooTranscripts, OfThoseWhoseWorkerServesOnAreEqualToTheByte) {
  cites(57);
  std::vector<std::string> frames;
  std::string requests;
  for (const Row& row : serving) {
    frames.push_back(frame_of(row, frames.size() + 1, terms()));
    requests += frames.back();
    if (!row.cancel) continue;
    std::string cancel;
    wire::encode_cancel(cancel, frames.size());
    requests += cancel;
  }
  RealWorker worker(terms().offered);
  const Transcript real = worker.play(requests);
  EXPECT_EQ(real.status.exit_code, 0);
  std::string said = zeroed(real.bytes);
  const ZooFacts facts = facts_of(worker, said);
  const std::string remaining = found_in(said, R"re("remaining_ms":(\d+))re");
  for (std::size_t i = 0; i < frames.size(); ++i) {
    ZooRequest request = request_of(frames[i], serving[i], terms());
    if (!remaining.empty()) request.context["deadline_ms"] = std::stoll(remaining);
    const std::string expected = zoo_answer(request, facts).bytes();
    ASSERT_EQ(shown(said.substr(0, expected.size())), shown(expected))
        << serving[i].command << " " << serving[i].args;
    ASSERT_TRUE(said.starts_with(expected)) << serving[i].command << " " << serving[i].args;
    said.erase(0, expected.size());
  }
  EXPECT_EQ(shown(said), "") << "is more than the zoo in C++ writes";
}

void expect_end(const ZooAnswer& answer, const pool::process::ExitStatus& status) {
  switch (answer.end) {
    case ZooEnd::exits:
      EXPECT_EQ(status.exit_code, answer.status);
      break;
    case ZooEnd::is_killed:
      EXPECT_EQ(status.signal, answer.status == SIGSTOP ? SIGKILL : answer.status);
      break;
    case ZooEnd::is_mute:
      EXPECT_EQ(status.exit_code, 0) << "lives on without a voice";
      break;
    default:
      EXPECT_EQ(status.signal, SIGKILL) << "would not have ended";
  }
}

TEST_P(ZooTranscripts, OfThoseThatEndTheirWorkerAreEqualToTheByteAndInTheirEnd) {
  cites(57);
  for (const Row& row : last) {
    SCOPED_TRACE(fmt::format("{} {}", row.command, row.args));
    const std::string frame = frame_of(row, 7, terms());
    RealWorker worker(terms().offered);
    ZooFacts facts{.timestamp = "0000000000.000", .pid = worker.pid()};
    const ZooAnswer answer = zoo_answer(request_of(frame, row, terms()), facts);
    const bool ends_by_itself = answer.end == ZooEnd::exits || answer.end == ZooEnd::is_mute ||
                                (answer.end == ZooEnd::is_killed && answer.status != SIGSTOP);
    const Transcript real =
        ends_by_itself ? worker.play(frame) : worker.play_and_kill(frame, answer.bytes().size());
    EXPECT_EQ(shown(zeroed(real.bytes)), shown(answer.bytes()));
    expect_end(answer, real.status);
  }
}

INSTANTIATE_TEST_SUITE_P(, ZooTranscripts, ::testing::Bool(), [](const auto& agreed) {
  return agreed.param ? "AllAgreed" : "PlainBridge";
});

// The worker asks its director, and is then what it is told to be.
TEST(ZooPlay, IsThePartThatTheDirectorGives) {
  cites(57);
  RealStage stage(temp_folder());
  const std::string args = ZooJson{{"stage", stage.address()}, {"ticket", "a"}}.dump();
  const Row row{.command = "play", .args = args.c_str()};
  const Terms plain;
  const std::string frame = frame_of(row, 3, plain);
  RealWorker worker({});
  Transcript real;
  std::thread player([&] { real = worker.play(frame); });
  const auto news = stage.next(milliseconds{20'000});
  const auto* arrived = news ? std::get_if<news::Arrived>(&*news) : nullptr;
  if (arrived != nullptr) {
    stage.play(arrived->arrival, act("wrong_id", R"({"delta":4})"));
  } else {
    ADD_FAILURE() << "the worker does not ask its director";
    ::kill(worker.pid(), SIGKILL);
  }
  player.join();
  ZooRequest request = request_of(frame, row, plain);
  request.part = ZooJson{{"command", "wrong_id"}, {"args", {{"delta", 4}}}};
  EXPECT_EQ(shown(zeroed(real.bytes)),
            shown(zoo_answer(request, {.timestamp = "0000000000.000"}).bytes()));
}

// A command that is added to the kit, and not here or not there, is found.
TEST(ZooTable, IsThatOfThePythonKitAndEachCommandIsPlayedAbove) {
  std::ifstream file(PYTHON_MOCK "/ordeal_worker/faults.py");
  const std::string source{std::istreambuf_iterator<char>(file), {}};
  const std::regex fault(R"re(Fault\(\s*"(\w+)")re");
  std::set<std::string> of_kit;
  for (std::sregex_iterator it(source.begin(), source.end(), fault), end; it != end; ++it) {
    of_kit.insert((*it)[1]);
  }
  // What it answers is what a model behind HTTP says, and there is none in virtual time.
  EXPECT_EQ(of_kit.erase("ask_model"), 1U);
  std::set<std::string> here;
  for (const std::string_view name : zoo_commands()) here.emplace(name);
  EXPECT_EQ(here, of_kit);
  std::set<std::string> played;
  for (const Row& row : serving) played.insert(row.command);
  for (const Row& row : last) played.insert(row.command);
  for (const std::string& name : here) EXPECT_TRUE(played.contains(name)) << name;
}

}  // namespace
}  // namespace ordeal::trial

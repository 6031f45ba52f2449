// The callback thread by itself: notes, events made elsewhere and callbacks, in the order in which
// they were posted, and each with the texts that were noted with it.
#include "pool/runtime/callback_thread.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::runtime {
namespace {

using core::action::Emit;

// A thread, who posts to it, and what a sink and callbacks saw: to be read when it has been
// drained.
struct Scene {
  std::vector<std::string> lines;
  CallbackThread thread;
  std::shared_ptr<void> subscription = thread.add_sink([this](const PoolEvent& event) {
    lines.push_back(std::string{event.what} + ":" + event.session + ":" + event.command + ":" +
                    event.label);
  });
  CallbackThread::EventWriter writer{thread};
};

void note(CallbackThread::EventWriter& writer, core::Occurrence what, std::string_view session,
          std::string_view command, std::string_view label) {
  EventNote* const noted = writer.add(Emit{.what = what}, {});
  ASSERT_NE(noted, nullptr);
  writer.put(*noted, NoteText::session, session);
  writer.put(*noted, NoteText::command, command);
  writer.put(*noted, NoteText::label, label);
}

TEST(CallbackThread, TellsNotesEventsAndCallbacksInTheOrderOfTheirPosting) {
  cites(46);
  Scene scene;
  auto& [lines, thread, subscription, writer] = scene;
  const auto callback = [&](const char* line) {
    thread.post_callback([&scene, line] { scene.lines.emplace_back(line); });
  };
  callback("first");
  note(writer, core::Occurrence::request_submitted, "", "", "");
  note(writer, core::Occurrence::request_granted, "s", "", "");
  writer.close();
  callback("second");
  callback("third");
  PoolEvent made;
  made.what = "made elsewhere";
  thread.post_event(std::move(made));
  note(writer, core::Occurrence::request_resolved, "", "echo", "mine");
  writer.close();
  thread.drain();
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "first", "request_submitted:::", "request_granted:s::", "second", "third",
                       "made elsewhere:::", "request_resolved::echo:mine"}));
}

TEST(CallbackThread, KeepsTheTextsOfEachNoteApart) {
  cites(46);
  Scene scene;
  auto& [lines, thread, subscription, writer] = scene;
  std::vector<std::string> expected;
  for (const char* session : {"", "a", "a longer name than a small string has room for"}) {
    for (const char* command : {"", "echo"}) {
      for (const char* label : {"", "one", "\xc3\xa4:\n"}) {
        note(writer, core::Occurrence::request_resolved, session, command, label);
        expected.push_back("request_resolved:" + std::string{session} + ":" + command + ":" +
                           label);
      }
    }
  }
  writer.close();
  thread.drain();
  EXPECT_EQ(lines, expected);
}

TEST(CallbackThread, TellsTheStatesOfAWorkerOrOfACircuit) {
  std::vector<std::string> steps;
  CallbackThread thread;
  const auto subscription = thread.add_sink([&](const PoolEvent& event) {
    steps.push_back(std::string{event.from} + " to " + std::string{event.to});
  });
  CallbackThread::EventWriter writer{thread};
  ASSERT_TRUE(writer.add(Emit{.what = core::Occurrence::worker_transition,
                              .from = core::WorkerState::ready,
                              .to = core::WorkerState::busy},
                         {}));
  ASSERT_TRUE(writer.add(Emit{.what = core::Occurrence::breaker_opened,
                              .circuit = {.index = 0, .serial = 1},
                              .circuit_from = CircuitState::closed,
                              .circuit_to = CircuitState::open},
                         {}));
  ASSERT_TRUE(writer.add(Emit{.what = core::Occurrence::request_granted}, {}));
  writer.close();
  thread.drain();
  EXPECT_EQ(steps, (std::vector<std::string>{"ready to busy", "closed to open", " to "}));
}

}  // namespace
}  // namespace ordeal::pool::runtime

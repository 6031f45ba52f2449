// The zoo in C++: what a worker of python_mock writes in answer to a command, byte for byte, and
// what becomes of its process. Simulated workers play by it, so that what is true of them is true
// of real ones; zoo_transcripts_test plays each command on both and compares.
//
// Pure: no clock, no process. What only a real worker can know (timestamp, process numbers, the
// time that remains) is given by the caller.
//
// To add a command: a function and its row in zoo_worker.cpp; the test demands it once it is in
// python_mock/ordeal_worker/faults.py.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::trial {

using ZooJson = nlohmann::ordered_json;  // members in their order, as Python's

struct ZooRequest {
  std::uint64_t id = 0;
  std::string command;
  ZooJson args = ZooJson::object();
  // As agreed in the handshake.
  bool error_object = false;
  bool cancellable = false;
  bool cancelled = false;            // a cancel for it has come
  ZooJson context = nullptr;         // null: none, or not agreed
  std::optional<ZooJson> part = {};  // of `play`: {command, args}, as the director has answered
};

// What only the process knows.
struct ZooFacts {
  std::string timestamp = "0.000";
  std::int64_t pid = 0;
  std::int64_t ppid = 0;
  std::vector<std::int64_t> children = {};  // of `grandchildren`; what is missing is 0
  std::int64_t held_mb = 0;                 // by earlier requests
  // Of `raise`, and what this version of Python says of a NaN.
  std::string traceback = "Traceback (most recent call last):\nValueError: raised as asked\n";
  std::string refusal_of_nan = "Out of range float values are not JSON compliant";
};

// How the worker stands when all is written.
enum class ZooEnd : std::uint8_t {
  serves,     // reads the next request
  exits,      // with `status`
  is_killed,  // by the signal `status`; of a stop signal: stands still
  hangs,
  is_mute,       // has closed the pipe of its replies, and serves on without a voice
  is_deaf,       // reads nothing any more
  awaits_cancel  // nothing is written until the cancel, or `takes`, has come
};

struct ZooAnswer {
  std::vector<std::string> pieces;  // a write each, `apart` from one another
  ZooEnd end = ZooEnd::serves;
  int status = 0;
  bool ignores_signals = false;        // SIGTERM, SIGINT, SIGHUP, from now on
  bool refuses_to_die = false;         // nor heeds a shutdown or the end of input
  std::chrono::milliseconds takes{0};  // before the first piece
  std::chrono::milliseconds apart{0};
  std::chrono::milliseconds pauses{0};  // behind the last, before it reads again

  [[nodiscard]] std::string bytes() const;
};

[[nodiscard]] ZooAnswer zoo_answer(const ZooRequest& request, const ZooFacts& facts = {});
[[nodiscard]] std::vector<std::string_view> zoo_commands();

}  // namespace ordeal::trial

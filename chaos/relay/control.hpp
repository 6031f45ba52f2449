// What an injector and a relay share: a small file, mapped by both.
//
// A relay stands between the pool and a worker (relay_main.cpp). It makes `FOLDER/relay-PID` when
// it begins; an injector finds it by the worker's pid, writes the parameters, then `mode`. The
// relay counts what it saw and what it touched: the proof that a fault had an effect.
// `FOLDER/start` holds one StartControl for all starts to come; `FOLDER/executions` gets a line for
// each request with a nonce that was handed to the worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace ordeal::chaos {

enum class WireMode : std::uint32_t {
  none,
  delay,       // replies: a ms, and up to b ms more
  throttle,    // replies: a bytes per second
  black_hole,  // swallows everything, both ways
  drop,        // swallows replies
  wrong_id,    // adds a to the reply's id
  garbage,     // a frame of seeded noise instead of the reply
  truncate,    // half a reply, then the end of the stream
  oversize,    // announces 2^31 - 1 bytes
  duplicate,   // each reply twice
  flip_bit,    // one bit of the envelope
  split,       // pieces of a bytes, b ms apart
  stray,       // a line of text behind the reply
  stale,       // the reply before, then the reply
  deaf,        // reads no requests
  insert,      // before the next request, `command` with `arguments`; its reply is swallowed
  orphan       // at the next request: ends, with the worker, and leaves a child with its pipes
};

struct RelayControl {
  std::atomic<std::int32_t> child_pid{0};
  std::atomic<std::uint32_t> mode{0};
  std::atomic<std::int64_t> frames_left{0};  // touched so many, the relay goes back to none
  std::int64_t a = 0;
  std::int64_t b = 0;
  std::uint64_t seed = 0;
  char command[64] = {};
  char arguments[192] = {};
  std::atomic<std::uint64_t> requests_seen{0};
  std::atomic<std::uint64_t> replies_seen{0};
  std::atomic<std::uint64_t> frames_touched{0};
  std::atomic<std::uint64_t> bytes_touched{0};
  std::atomic<std::int32_t> orphan_pid{0};
};

enum class StartMode : std::uint32_t {
  none,
  fail,     // exits with status a
  hang,     // never answers
  slow,     // begins a ms late
  garbage,  // answers the handshake with noise
};

struct StartControl {
  std::atomic<std::uint32_t> mode{0};
  std::atomic<std::int32_t> left{0};
  std::atomic<std::int64_t> a{0};
  std::atomic<std::uint32_t> touched{0};
};

// Unmaps at its end; the file stays. Null if the file is not there (and may not be made).
[[nodiscard]] std::shared_ptr<RelayControl> map_relay(const std::string& folder, int relay_pid,
                                                      bool make);
[[nodiscard]] std::shared_ptr<StartControl> map_starts(const std::string& folder, bool make);
[[nodiscard]] std::string executions_file(const std::string& folder);

}  // namespace ordeal::chaos

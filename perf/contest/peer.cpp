// A peer: perf/peers/peer.py in a process group of its own, told what to do line by line.
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "perf/bench/python.hpp"
#include "perf/contest/contestant.hpp"
#include "perf/scenarios/case_pool.hpp"
#include "pool/process/environment.hpp"
#include "pool/process/spawn.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::perf {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// No order takes longer, hangs of the peer included; more is a peer that is stuck.
constexpr std::chrono::seconds patience{60};

// Where scripts/setup --peers puts what is not Python's own.
std::string peers_python() {
  std::string venv;
  if (const char* chosen = std::getenv("ORDEAL_PEERS_VENV")) {
    venv = chosen;
  } else if (const char* home = std::getenv("HOME")) {
    venv = std::string{home} + "/.cache/ordeal/peers-venv";
  }
  const std::string python = venv + "/bin/python";
  return ::access(python.c_str(), X_OK) == 0 ? python : worker_python();
}

std::vector<std::string> peer_command(const std::string& name, const CaseSpec& spec) {
  std::vector<std::string> command{peers_python(),
                                   checkout_folder() + "/perf/peers/peer.py",
                                   name,
                                   "--workers",
                                   std::to_string(spec.pool.size),
                                   "--command",
                                   spec.command,
                                   "--payload-bytes",
                                   std::to_string(spec.payload_bytes),
                                   "--work-ms",
                                   std::to_string(spec.work_ms)};
  if (spec.slow_import) command.push_back("--slow-import");
  return command;
}

class PeerProcess {
 public:
  PeerProcess(std::string name, pool::process::WorkerProcess process)
      : name_(std::move(name)), process_(std::move(process)) {}

  Attempt<json> read_answer() {
    const auto deadline = pool::runtime::now() + patience;
    while (true) {
      if (const std::size_t end = text_.find('\n'); end != std::string::npos) {
        const std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        auto answer = json::parse(line, nullptr, false);
        if (answer.is_discarded()) return failed("said: " + line);
        return answer;
      }
      pollfd readable{.fd = process_.pipes().from_worker.get(), .events = POLLIN};
      if (pool::runtime::poll_until({&readable, 1}, deadline) == 0) {
        return failed(fmt::format("did not answer within {} s", patience.count()));
      }
      char bytes[1 << 16];
      const ssize_t count = ::read(readable.fd, bytes, sizeof bytes);
      if (count <= 0) return failed("ended: " + last_words());
      text_.append(bytes, static_cast<std::size_t>(count));
    }
  }

  Attempt<json> ask(const json& order) {
    const std::string line = order.dump() + "\n";
    if (::write(process_.pipes().to_worker.get(), line.data(), line.size()) !=
        static_cast<ssize_t>(line.size())) {
      return failed("takes no more orders");
    }
    return read_answer();
  }

  [[nodiscard]] tl::unexpected<Error> failed(const std::string& message) const {
    return tl::unexpected(Error{.kind = ErrorKind::program, .about = name_, .message = message});
  }

 private:
  std::string last_words() {
    std::string words(4096, ' ');
    const ssize_t count = ::read(process_.pipes().standard_error.get(), words.data(), words.size());
    words.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return words.empty() ? "without a word" : words;
  }

  std::string name_;
  pool::process::WorkerProcess process_;
  std::string text_;
};

// Starts it, and waits until its workers have answered.
Attempt<std::pair<PeerProcess, std::string>> start_peer(const std::string& name,
                                                        const CaseSpec& spec) {
  pool::process::SpawnRequest request;
  request.command = peer_command(name, spec);
  request.environment =
      pool::process::make_environment(environ, pool::process::default_inherited_variables(), {});
  auto process = pool::process::spawn(request);
  if (!process) return tl::unexpected(no_program(spec, process.error()));
  PeerProcess peer{name, std::move(*process)};
  const auto ready = peer.read_answer();
  if (!ready) return tl::unexpected(ready.error());
  if (!ready->value("ready", false)) return peer.failed(ready->value("why", "is not ready"));
  return std::pair{std::move(peer), ready->value("version", "")};
}

class Peer final : public Contestant {
 public:
  Peer(const CaseSpec& spec, PeerProcess process, std::string version)
      : spec_(spec), process_(std::move(process)), version_(std::move(version)) {}
  [[nodiscard]] std::string version() const override { return version_; }

  Attempt<Block> run(std::uint64_t calls) override {
    if (spec_.scenario == Scenario::calls) {
      return take({{"do", "block"}, {"calls", calls}, {"in_flight", spec_.callers}});
    }
    Block all;
    for (std::uint64_t i = 0; i < calls; ++i) {
      const auto block = take({{"do", "kill"}});
      if (!block) return tl::unexpected(block.error());
      all.wall_s += block->wall_s;
      all.latencies.merge(block->latencies);
      all.failed += block->failed;
      if (!block->note.empty()) all.note = block->note;
    }
    return all;
  }

 private:
  Attempt<Block> take(const json& order) {
    const auto answer = process_.ask(order);
    if (!answer) return tl::unexpected(answer.error());
    Block block{.wall_s = answer->value("wall_s", 0.0),
                .failed = answer->value("failed", std::uint64_t{0}),
                .note = answer->value("note", "")};
    for (const double us : answer->value("latencies_us", std::vector<double>{})) {
      block.latencies.add(std::chrono::nanoseconds{static_cast<std::int64_t>(us * 1000)});
    }
    return block;
  }

  const CaseSpec spec_;
  PeerProcess process_;
  std::string version_;
};

// Its start is its work: another process each time.
class StartingPeer final : public Contestant {
 public:
  StartingPeer(std::string name, const CaseSpec& spec, std::string version)
      : name_(std::move(name)), spec_(spec), version_(std::move(version)) {}
  [[nodiscard]] std::string version() const override { return version_; }
  Attempt<Block> run(std::uint64_t calls) override {
    Block block;
    for (std::uint64_t i = 0; i < calls; ++i) {
      const auto begun = Clock::now();
      const auto started = start_peer(name_, spec_);
      if (!started) return tl::unexpected(started.error());
      const auto took = Clock::now() - begun;
      block.latencies.add(took);
      block.wall_s += std::chrono::duration<double>(took).count();
    }
    return block;
  }

 private:
  const std::string name_;
  const CaseSpec spec_;
  const std::string version_;
};

}  // namespace

MadeContestant make_peer(const std::string& name, const CaseSpec& spec) {
  if (name == "nimble_pool") {
    return tl::unexpected(Error{
        .kind = ErrorKind::program,
        .about = name,
        .message = "needs Elixir with the package nimble_pool, which this machine does not have"});
  }
  auto started = start_peer(name, spec);
  if (!started) return tl::unexpected(started.error());
  if (spec.scenario == Scenario::start) {
    return std::make_unique<StartingPeer>(name, spec, started->second);
  }
  return std::make_unique<Peer>(spec, std::move(started->first), started->second);
}

}  // namespace ordeal::perf

// The stage among processes: workers that play connect to a Unix socket, say which request they
// have in hand, and wait there to be told what to do (python_mock/ordeal_worker/zoo/stage.py).
//
// A worker is known by its connection (SO_PEERCRED) and held by a pidfd from then on, so that its
// end is an event, and a kill can never hit another process. One thread owns the stage; post()
// may come from any.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/contract/pool_under_test.hpp"

namespace ordeal::trial {

class RealStage final : public Stage {
 public:
  // The socket lies in `folder`. Throws std::system_error if it cannot be made.
  explicit RealStage(const std::string& folder = std::filesystem::temp_directory_path().string());
  ~RealStage() override;

  [[nodiscard]] std::string address() const override { return path_; }
  void post(News news) override;
  [[nodiscard]] std::optional<News> next(milliseconds patience) override;
  void play(std::uint64_t arrival, const Act& act) override;
  void kill(std::uint64_t worker) override;
  void reach(milliseconds from_now) override;
  [[nodiscard]] std::string name_of(std::uint64_t worker) const override;

 private:
  struct Connection {
    pool::process::FileDescriptor socket;
    std::uint64_t worker = 0;
    std::string said;
    bool arrived = false;
  };
  struct Process {
    pool::process::FileDescriptor pidfd;
    int pid = 0;
    bool gone = false;
  };

  bool look(pool::runtime::Instant deadline);
  void welcome();
  void listen_to(std::uint64_t number);
  [[nodiscard]] std::uint64_t worker_of(int pid);
  [[nodiscard]] std::optional<News> take();

  std::string path_;
  pool::process::FileDescriptor listener_;
  pool::process::FileDescriptor posted_;  // an eventfd
  std::mutex mutex_;
  std::deque<News> mailbox_;  // guarded by mutex_
  std::map<std::uint64_t, Connection> connections_;
  std::map<std::uint64_t, Process> processes_;
  std::uint64_t last_arrival_ = 0;
};

}  // namespace ordeal::trial

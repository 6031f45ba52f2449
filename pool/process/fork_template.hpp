// A warm template: a worker program that has imported what is slow to import, and forks ready
// workers in milliseconds. The other side, and the messages: python_mock/ordeal_worker/template.py.
//
//   start() ──▶ importing ──Ready──▶ request_fork() ──Forked──▶ a WorkerProcess, the host's own
//   child
//                                         └──Refused (threads exist, no memory ...)
//
// Invariants:
//   (1) A forked worker is a child of the host, and does nothing before its first request is
//       written. receive() has given it a group of its own: tell the warden before that write.
//   (1a) One that the host never hears of, since the template died in between, is still of the
//       template's group: destruction kills and reaps it.
//   (2) Each accepted request_fork() has one answer, in order, or the template closes.
//   (3) A program that knows no templates is told apart: it answers the start-up ping that it was
//       sent on its requests' pipe, or ends; a template never reads that.
// Thread safety: none; nothing here blocks but start(), which does as spawn() does.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>

#include "pool/process/spawn.hpp"
#include "pool/process/worker_pipes.hpp"
#include "pool/process/worker_process.hpp"

namespace ordeal::pool::process {

struct TemplateReady {
  std::int64_t import_ms = 0;
};
struct TemplateForked {
  WorkerProcess worker;
};
struct TemplateRefused {
  std::string reason;
};
// It is dead, or talks nonsense: nothing more will come.
struct TemplateClosed {
  std::string reason;
};
using TemplateMessage =
    std::variant<TemplateReady, TemplateForked, TemplateRefused, TemplateClosed>;

class ForkTemplate {
 public:
  // `request.inherited` gets the template's socket in addition. Outcomes as spawn()'s.
  [[nodiscard]] static Result<ForkTemplate> start(SpawnRequest request);
  ForkTemplate(ForkTemplate&&) noexcept = default;
  ForkTemplate& operator=(ForkTemplate&&) = delete;
  // Kills the template and every worker that receive() has not handed out; reaps them. Blocks as
  // ~WorkerProcess does. In a forked child of the host it only closes.
  ~ForkTemplate();

  [[nodiscard]] WorkerProcess& process() { return process_; }
  // Readable (POLLIN): receive().
  [[nodiscard]] int socket() const { return socket_.get(); }
  // Asks for one more worker. REQUIRES: it is ready.
  // Outcomes: asked; or spawn_failed (no pipes, or the template does not read).
  [[nodiscard]] Result<void> request_fork();
  // The next message; none: nothing is there now.
  [[nodiscard]] std::optional<TemplateMessage> receive();
  // Asked for, not answered yet.
  [[nodiscard]] std::size_t forks_pending() const { return pending_.size(); }

 private:
  ForkTemplate(WorkerProcess process, FileDescriptor socket, bool with_progress);
  [[nodiscard]] TemplateMessage judge(const std::string& text, FileDescriptor pidfd);
  [[nodiscard]] Result<void> send_fork(const AllPipes& pipes);

  const int host_pid_;
  WorkerProcess process_;
  FileDescriptor socket_;
  bool with_progress_;
  std::deque<WorkerPipes> pending_;  // the host's ends for each worker asked for, oldest first
  std::uint64_t serial_ = 0;
  std::uint64_t answered_ = 0;
};

}  // namespace ordeal::pool::process

#include "chaos/relay/relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;
using pool::core::Duration;
using pool::core::Instant;
using namespace std::chrono_literals;

// How soon a relay that does not read, or holds bytes back, sees that its mode has changed.
constexpr Duration look_every = 5ms;

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(descriptor, bytes.data(), bytes.size());
    if (wrote > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno == EAGAIN) {
      pollfd room{.fd = descriptor, .events = POLLOUT, .revents = 0};
      runtime::poll_until({&room, 1}, pool::core::never);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

Relay::Relay(std::string folder, int worker_pid, int to_worker, int from_worker)
    : folder_(std::move(folder)),
      worker_pid_(worker_pid),
      to_worker_(to_worker),
      from_worker_(from_worker),
      control_(map_relay(folder_, getpid(), true)) {
  // Without its folder the relay passes everything on, and nobody can tell it to do otherwise.
  if (!control_) control_ = std::make_shared<RelayControl>();
  control_->child_pid.store(worker_pid);
  executions_ =
      open(executions_file(folder_).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

WireMode Relay::mode() const { return static_cast<WireMode>(control_->mode.load()); }

bool Relay::touch(std::size_t bytes) {
  if (control_->frames_left.load() <= 0) {
    control_->mode.store(0);
    return false;
  }
  if (random_ = pool::core::Random{control_->seed + control_->frames_touched.load()};
      control_->frames_left.fetch_sub(1) == 1) {
    control_->mode.store(0);
  }
  control_->frames_touched.fetch_add(1);
  control_->bytes_touched.fetch_add(bytes);
  return true;
}

int Relay::run() {
  while (!worker_gone_) {
    std::array<pollfd, 2> streams{{{.fd = 0, .events = POLLIN, .revents = 0},
                                   {.fd = from_worker_, .events = POLLIN, .revents = 0}}};
    if (pool_gone_ || mode() == WireMode::deaf) streams[0].fd = -1;
    runtime::poll_until(streams, wake_at());
    if (streams[0].revents != 0) read_requests();
    if (streams[1].revents != 0) read_replies();
    send_due();
  }
  for (const Piece& piece : out_) {
    if (!write_all(1, piece.bytes)) break;
  }
  close(1);  // the worker may have closed its stream and live on
  int status = 0;
  while (waitpid(worker_pid_, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

Instant Relay::wake_at() const {
  Instant at = out_.empty() ? pool::core::never : out_.front().due;
  if (mode() == WireMode::deaf) {
    at = std::min(at, pool::core::after(runtime::now(), look_every));
  }
  return at;
}

void Relay::read_requests() {
  char part[65536];
  const ssize_t got = read(0, part, sizeof part);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    pool_gone_ = true;
    close(to_worker_);
    to_worker_ = -1;
    return;
  }
  requests_.add({part, static_cast<std::size_t>(got)});
  while (auto frame = requests_.next()) pass_request(std::move(*frame));
}

void Relay::pass_request(std::string frame) {
  control_->requests_seen.fetch_add(1);
  if (mode() == WireMode::deaf && touch(frame.size())) {
    // Read before the mode was set: it goes through, what follows stays in the pipe.
  } else if (mode() == WireMode::black_hole && touch(frame.size())) {
    return;
  } else if (mode() == WireMode::insert && !is_ping(frame) && touch(frame.size())) {
    (void)write_all(to_worker_, own_request(control_->command, control_->arguments));
  }
  if (mode() == WireMode::orphan && touch(frame.size())) leave_an_orphan();
  if (const std::string nonce = nonce_of(frame); !nonce.empty() && executions_ >= 0) {
    (void)!write(executions_, (nonce + "\n").data(), nonce.size() + 1);
  }
  (void)write_all(to_worker_, frame);
}

void Relay::leave_an_orphan() {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    setsid();  // out of the group that ends with the worker
    close(ready[0]);
    close(ready[1]);  // the relay waits for that: it must not end before
    close(to_worker_);
    close(from_worker_);
    while (true) pause();
  }
  close(ready[1]);
  char none = 0;
  (void)!read(ready[0], &none, 1);
  control_->orphan_pid.store(child);
  kill(worker_pid_, SIGKILL);
  raise(SIGKILL);
}

void Relay::read_replies() {
  char part[65536];
  const ssize_t got = read(from_worker_, part, sizeof part);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    worker_gone_ = true;
    queue(replies_.rest());
    return;
  }
  replies_.add({part, static_cast<std::size_t>(got)});
  while (auto frame = replies_.next()) pass_reply(std::move(*frame));
}

void Relay::pass_reply(std::string frame) {
  if (id_of(frame) == own_id) return;
  control_->replies_seen.fetch_add(1);
  std::string before = std::exchange(reply_before_, frame);
  const WireMode now = mode();
  const bool of_replies = now != WireMode::none && now != WireMode::deaf &&
                          now != WireMode::insert && now != WireMode::orphan;
  if (!of_replies || (now == WireMode::stale && before.empty()) || !touch(frame.size())) {
    return queue(std::move(frame));
  }
  const std::int64_t a = control_->a;
  const std::int64_t b = control_->b;
  switch (now) {
    case WireMode::delay:
      return queue(std::move(frame),
                   std::chrono::milliseconds{a + (b > 0 ? random_.between(0, b) : 0)});
    case WireMode::throttle:
      for (Duration delay{}; !frame.empty(); delay = 20ms) {
        const auto size = static_cast<std::size_t>(std::max<std::int64_t>(1, a / 50));
        queue(frame.substr(0, size), delay);
        frame.erase(0, size);
      }
      return;
    case WireMode::split:
      for (Duration delay{}; !frame.empty(); delay = std::chrono::milliseconds{b}) {
        queue(frame.substr(0, static_cast<std::size_t>(a)), delay);
        frame.erase(0, static_cast<std::size_t>(a));
      }
      return;
    case WireMode::wrong_id:
      return queue(with_id(frame, id_of(frame).value_or(0) + a));
    case WireMode::garbage:
      return queue(garbled(frame, random_));
    case WireMode::truncate:
      queue(frame.substr(0, frame.size() / 2));
      out_.back().last_of_stream = true;
      return;
    case WireMode::oversize:
      return queue(oversized(frame));
    case WireMode::duplicate:
      return queue(frame + frame);
    case WireMode::flip_bit:
      return queue(with_flipped_bit(frame, random_));
    case WireMode::stray:
      return queue(frame + "a line of a log that lost its way\n");
    case WireMode::stale:
      return queue(before + frame);
    default:
      return;  // black_hole, drop
  }
}

// Behind what is queued already; `delay` counts from then, or from now.
void Relay::queue(std::string bytes, Duration delay) {
  const Instant from = out_.empty() ? runtime::now() : std::max(out_.back().due, runtime::now());
  out_.push_back({pool::core::after(from, delay), std::move(bytes)});
}

void Relay::send_due() {
  while (!out_.empty() && out_.front().due <= runtime::now()) {
    const Piece piece = std::move(out_.front());
    out_.pop_front();
    const bool sent = write_all(1, piece.bytes);
    if (!sent || piece.last_of_stream) {
      close(1);
      kill(worker_pid_, SIGKILL);
      out_.clear();
    }
  }
}

}  // namespace ordeal::chaos

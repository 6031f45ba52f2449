#include "testing/zoo/tests/real_worker.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "pool/process/environment.hpp"
#include "pool/process/spawn.hpp"
#include "pool/wire/frame.hpp"
#include "pool/wire/request.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::trial {

using namespace std::chrono_literals;

namespace {

constexpr int hang_guard_ms = 20'000;

}  // namespace

RealWorker::RealWorker(pool::wire::Capabilities offered) {
  pool::process::SpawnRequest request;
  request.command = {TEST_PYTHON, PYTHON_MOCK "/mock_bridge.py", "--faults"};
  const std::vector<std::string> added{std::string{test_id_variable} + "=" +
                                       std::string{test_id()}};
  request.environment =
      pool::process::make_environment(environ, pool::process::default_inherited_variables(), added);
  auto spawned = pool::process::spawn(request);
  if (!spawned) {
    ADD_FAILURE() << spawned.error().message;
    std::abort();
  }
  process_.emplace(std::move(*spawned));
  std::string ping;
  if (!pool::wire::encode_ping(ping, "w", offered, "t")) std::abort();
  std::string_view left = ping;
  std::string answer;
  const auto is_whole = [&answer] {
    return answer.size() >= pool::wire::header_bytes &&
           answer.size() == pool::wire::header_bytes + pool::wire::load_length(answer.data());
  };
  while (!is_whole() && turn(left, answer)) {
  }
  EXPECT_TRUE(is_whole()) << "no handshake";
}

// Writes and reads what can be, after waiting until something can. False: the replies are over.
bool RealWorker::turn(std::string_view& to_write, std::string& read) {
  const pool::process::WorkerPipes& pipes = process_->pipes();
  std::array<pollfd, 3> waited{{
      {.fd = pipes.from_worker.get(), .events = POLLIN, .revents = 0},
      {.fd = pipes.standard_error.get(), .events = POLLIN, .revents = 0},
      {.fd = to_write.empty() ? -1 : pipes.to_worker.get(), .events = POLLOUT, .revents = 0},
  }};
  if (::poll(waited.data(), waited.size(), hang_guard_ms) <= 0) {
    ADD_FAILURE() << "nothing happens; so far it wrote " << read;
    return false;
  }
  std::array<char, 64 * 1024> bytes;
  if (waited[1].revents != 0) {  // read away, or it would stand still
    (void)!::read(pipes.standard_error.get(), bytes.data(), bytes.size());
  }
  if (waited[2].revents != 0) {
    const ssize_t count = ::write(pipes.to_worker.get(), to_write.data(), to_write.size());
    if (count > 0) to_write.remove_prefix(static_cast<std::size_t>(count));
  }
  if (waited[0].revents == 0) return true;
  const ssize_t count = ::read(pipes.from_worker.get(), bytes.data(), bytes.size());
  if (count > 0) read.append(bytes.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && errno == EAGAIN);
}

bool RealWorker::has_read_all() const {
  int unread = 0;
  const int pipe = process_->pipes().unread_requests.get();
  return ::ioctl(pipe, FIONREAD, &unread) == 0 && unread == 0;
}

Transcript RealWorker::play(const std::string& requests) {
  std::string_view left = requests;
  Transcript transcript;
  bool more = true;
  while (!left.empty() && more) more = turn(left, transcript.bytes);
  process_->pipes().to_worker.reset();
  process_->pipes().unread_requests.reset();
  while (more) more = turn(left, transcript.bytes);
  transcript.status = process_->reap_within(10s).value_or(pool::process::ExitStatus{});
  return transcript;
}

Transcript RealWorker::play_and_kill(const std::string& requests, std::size_t least_bytes) {
  std::string_view left = requests;
  Transcript transcript;
  bool more = true;
  while (more && (!left.empty() || transcript.bytes.size() < least_bytes)) {
    more = turn(left, transcript.bytes);
  }
  while (!has_read_all() && !process_->try_reap()) ::sched_yield();
  process_->signal_group(SIGKILL);
  while (more) more = turn(left, transcript.bytes);
  transcript.status = process_->reap_within(10s).value_or(pool::process::ExitStatus{});
  return transcript;
}

}  // namespace ordeal::trial

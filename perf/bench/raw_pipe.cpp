#include "perf/bench/raw_pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "pool/process/environment.hpp"
#include "pool/process/spawn.hpp"
#include "pool/runtime/timestamp.hpp"
#include "pool/wire/envelope.hpp"

namespace ordeal::perf {
namespace {

constexpr std::uint32_t frame_bytes_max = 64U << 20;

pool::Error broken(std::string message) {
  return pool::make_error(pool::ErrorCode::worker_closed_stream, std::move(message));
}

void set_blocking(int descriptor) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
}

}  // namespace

RawPipe::RawPipe(pool::process::WorkerProcess process)
    : process_(std::move(process)), decoder_(frame_bytes_max) {
  set_blocking(process_.pipes().to_worker.get());
  set_blocking(process_.pipes().from_worker.get());
}

pool::Result<RawPipe> RawPipe::start(const std::vector<std::string>& command) {
  pool::process::SpawnRequest request;
  request.command = command;
  request.environment =
      pool::process::make_environment(environ, pool::process::default_inherited_variables(), {});
  auto process = pool::process::spawn(request);
  if (!process) return tl::unexpected(process.error());
  RawPipe pipe{std::move(*process)};
  if (auto encoded = pool::wire::encode_ping(
          pipe.frame_, "control", pool::wire::Capabilities::all(), pool::runtime::wall_timestamp());
      !encoded) {
    return tl::unexpected(encoded.error());
  }
  if (auto ready = pipe.exchange(); !ready) return tl::unexpected(ready.error());
  return pipe;
}

pool::Result<std::size_t> RawPipe::call(std::string_view command, std::string_view args) {
  // The same bytes as the pool sends: it has agreed on a context with this worker.
  const pool::wire::Context context{.deadline_ms = 59'999, .attempt = 1};
  const auto encoded = pool::wire::encode_request(frame_,
                                                  {.id = next_id_++,
                                                   .command = command,
                                                   .args = args,
                                                   .timestamp = pool::runtime::wall_timestamp(),
                                                   .context = &context,
                                                   .args_trusted = true},
                                                  frame_bytes_max);
  if (!encoded) return tl::unexpected(encoded.error());
  return exchange();
}

pool::Result<std::size_t> RawPipe::exchange() {
  for (std::string_view left = frame_; !left.empty();) {
    const ssize_t count = ::write(process_.pipes().to_worker.get(), left.data(), left.size());
    if (count <= 0) return tl::unexpected(broken("write to the control's worker failed"));
    left.remove_prefix(static_cast<std::size_t>(count));
  }
  while (true) {
    const std::span<char> space = decoder_.write_space();
    const ssize_t count = ::read(process_.pipes().from_worker.get(), space.data(), space.size());
    if (count <= 0) return tl::unexpected(broken("read from the control's worker failed"));
    decoder_.commit(static_cast<std::size_t>(count));
    const auto next = decoder_.next();
    if (next.status == pool::wire::FrameDecoder::Status::need_more) continue;
    const auto reply = pool::wire::decode_reply(next.body);
    if (!reply) return tl::unexpected(broken(reply.error().message));
    if (!reply->success) return tl::unexpected(broken(reply->error->message));
    const std::size_t size = reply->result.size();
    decoder_.release();
    return size;
  }
}

}  // namespace ordeal::perf

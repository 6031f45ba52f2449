#include "pool/process/worker_pipes.hpp"

#include <array>
#include <utility>

namespace ordeal::pool::process {

WorkerPipes AllPipes::take_host_ends() {
  return {std::move(request.write_end), std::move(reply.read_end), std::move(error.read_end),
          std::move(progress.read_end), std::move(request.read_end)};
}

Result<AllPipes> make_worker_pipes(const PipesWanted& wanted) {
  const PipeOptions writing{.write_end_non_blocking = true, .bytes_min = wanted.bytes_min};
  const PipeOptions reading{.read_end_non_blocking = true, .bytes_min = wanted.bytes_min};
  const PipeOptions small{.read_end_non_blocking = true};
  struct Row {
    Pipe AllPipes::*pipe;
    PipeOptions options;
    SpawnStep step;
  };
  const std::array<Row, 4> rows{{{&AllPipes::request, writing, SpawnStep::made_request_pipe},
                                 {&AllPipes::reply, reading, SpawnStep::made_reply_pipe},
                                 {&AllPipes::error, small, SpawnStep::made_error_pipe},
                                 {&AllPipes::progress, small, SpawnStep::made_progress_pipe}}};
  AllPipes pipes;
  for (const Row& row : rows) {
    if (row.pipe == &AllPipes::progress && !wanted.with_progress) continue;
    Result<Pipe> pipe = make_pipe(row.options, wanted.hook, row.step);
    if (!pipe) return tl::unexpected(std::move(pipe.error()));
    pipes.*row.pipe = std::move(*pipe);
  }
  return pipes;
}

}  // namespace ordeal::pool::process

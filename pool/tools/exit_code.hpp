// What ordeal-pool's exit status says; the table in --help and in the README.
#pragma once

namespace ordeal::pool::tools {

enum class ExitCode : int {
  ok = 0,               // run: every request was answered with a success
  requests_failed = 1,  // run: some outcome was failed or indeterminate
  usage = 2,            // wrong options, configuration, or a part that is not built yet
  not_started = 3,      // run: the pool could not start; status: no running pool was found
  input_output = 4,     // input, output, socket, events or alerts file
  not_alike = 5,        // shadow: answers differ; rollout: the new version was taken back
  interrupted = 130,    // SIGINT, SIGTERM or SIGHUP: stopped reading, answered what was submitted
  killed = 137,         // the second of those: workers were killed; outcomes written all the same
};

}  // namespace ordeal::pool::tools

// The asking end of a run's socket: one line to it, all that it says until it closes.
#pragma once

#include <string>
#include <vector>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::tools {

enum class Patience : bool {
  seconds,  // an answer that is known must come at once
  endless   // an operation takes its time
};

// Errors: worker_not_found (nobody listens), invalid_option (it may not be reached), call_timeout,
// malformed_reply, worker_closed_stream.
[[nodiscard]] Result<std::string> ask_run(const std::string& path, const std::string& question,
                                          Patience patience);

// The default sockets that somebody listens at.
[[nodiscard]] std::vector<std::string> running_sockets();

inline constexpr const char* ask_status = "{\"ask\": \"status\"}\n";

}  // namespace ordeal::pool::tools

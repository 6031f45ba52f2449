// Sentences for what the core decided: the message of each error a request can end with.
#pragma once

#include "ordeal/pool/call.hpp"
#include "ordeal/pool/error.hpp"

namespace ordeal::pool::runtime {

// Adds what the caller called it.
[[nodiscard]] Error annotate(Error error, const CallOptions& options);

// used_after_fork.
[[nodiscard]] Error made_by_another_process();

// "worker 3: ValueError: no such thing"
[[nodiscard]] std::string application_sentence(std::uint64_t worker, const ApplicationError& error);

}  // namespace ordeal::pool::runtime

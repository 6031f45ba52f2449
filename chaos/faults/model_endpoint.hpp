// The stand-in for a model's endpoint (python_mock/mock_gemini.py), as a child of this process that
// takes orders on its standard input: what the next requests meet instead of an answer.
//
// Thread safety: belongs to one thread.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tl/expected.hpp>

#include "pool/process/file_descriptor.hpp"

namespace ordeal::chaos {

class ModelEndpoint {
 public:
  // Waits until it listens. Errors: a sentence.
  [[nodiscard]] static tl::expected<std::shared_ptr<ModelEndpoint>, std::string> start(
      const std::string& program);
  ModelEndpoint() = default;
  ModelEndpoint(const ModelEndpoint&) = delete;
  ModelEndpoint& operator=(const ModelEndpoint&) = delete;
  ~ModelEndpoint();  // ends it, and reaps it

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] int pid() const { return pid_; }
  // One order and its answer; null if there was none, or it was refused.
  [[nodiscard]] nlohmann::json order(const nlohmann::json& what);

 private:
  [[nodiscard]] std::string read_line();  // empty: none came in time
  pool::process::FileDescriptor to_it_;
  pool::process::FileDescriptor from_it_;
  std::string unread_;
  std::string url_;
  int pid_ = 0;
};

}  // namespace ordeal::chaos

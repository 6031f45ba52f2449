// A pool with everything on that watches, a secret for each way that words take through it, and all
// that it leaves and shows as texts to be searched.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <sstream>

#include "ordeal/pool/metrics.hpp"
#include "ordeal/pool/observe.hpp"
#include "pool/runtime/tests/support.hpp"
#include "pool/tools/status_report.hpp"
#include "pool/tools/unix_socket.hpp"
#include "testing/leaks/leak_listener.hpp"
#include "testing/recorded/recorded_run.hpp"

namespace ordeal::pool {

namespace fs = std::filesystem;

inline std::string canary(std::string_view channel) {
  std::random_device random;
  return fmt::format("canary-{}-{:08x}{:08x}", channel, random(), random());
}

inline std::string reversed(const std::string& text) { return {text.rbegin(), text.rend()}; }

struct Canaries {
  std::string argument = canary("argument");
  std::string result = canary("result");
  std::string host_variable = canary("host_variable");
  std::string worker_variable = canary("worker_variable");
  std::string api_key = canary("api_key");
  std::string traceback = canary("traceback");
  std::string bad_bytes = canary("bad_bytes");
  std::string last_words = canary("stderr");
  std::string late = canary("late_reply");
  // Sessions store these.
  std::string data = canary("session_data");
  std::string signature = canary("signature");

  [[nodiscard]] std::vector<std::string> all() const {
    return {argument,   result, host_variable, worker_variable, api_key, traceback, bad_bytes,
            last_words, late,   data,          signature};
  }
};

inline std::string contents_of(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

using Artefacts = std::map<std::string, std::string>;  // text by name

inline bool holds(const std::string& text, const std::string& secret) {
  return text.find(secret) != std::string::npos || text.find(reversed(secret)) != std::string::npos;
}

// A pool with all on that watches, and all that it leaves and shows.
class Scene {
 public:
  explicit Scene(bool log_payloads) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    folder_ = trial::temp_folder() + "/confidential";
    fs::create_directory(folder_);
    ::setenv("ORDEAL_HOST_SECRET", secrets.host_variable.c_str(), 1);
    // What was there before and is open to all becomes the owner's.
    for (const char* name : {"record", "events", "sessions.db"}) {
      std::ofstream{file(name)};
      ::chmod(file(name).c_str(), 0666);
    }
    auto socket = tools::ListeningSocket::open(file("status.sock"));
    if (socket) socket_ = std::move(*socket);
    log_ = std::make_shared<spdlog::logger>(
        "pool", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_));
    log_->set_level(spdlog::level::trace);
    start(log_payloads);
  }
  ~Scene() {
    pool.reset();
    // Its record is one of the artefacts, so it is this scene's to judge.
    (void)trial::judge_run(contents_of(file("record")), options.record_bytes_max);
    socket_.close();
    fs::remove_all(folder_);
    ::unsetenv("ORDEAL_HOST_SECRET");
    if (!stopped_) collect_output();
  }

  // Everything there is while the pool runs and once it has stopped.
  Artefacts stop_and_collect() {
    collect_shown("while it ran");
    collect_files("while it ran");
    EXPECT_TRUE(pool->stop(patience));
    collect_shown("in the end");
    pool.reset();
    collect_files("in the end");
    artefacts_["log"] = log_text_.str();
    collect_output();
    return artefacts_;
  }

  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  Options options;
  const Canaries secrets;
  std::optional<Pool> pool;

 private:
  void start(bool log_payloads) {
    options = script_options(2, TESTS_FOLDER "/confidential_bridge.py",
                             {"--mode", "pool-worker", "--worker-id", "{worker_id}"});
    options.environment["PYTHON_MOCK"] = PYTHON_MOCK;
    options.environment["WORKER_SECRET"] = secrets.worker_variable;
    options.environment["TMPDIR"] = folder_;
    options.record_file = file("record");
    options.session_store = "sqlite:" + file("sessions.db");
    options.worker_kind = WorkerKind::enhanced;
    options.log_payloads = log_payloads;
    auto events = json_lines_sink(file("events"));
    ASSERT_TRUE(events) << events.error().message;
    auto started = Pool::start(recorded(options), {*events, spdlog_sink(log_), metrics_.sink()});
    ASSERT_TRUE(started) << started.error().message;
    pool.emplace(std::move(*started));
  }

  void collect_shown(const std::string& when) {
    const Status status = pool->status();
    artefacts_["metrics, " + when] = metrics_.text(status);
    const std::string json = tools::report_json(
        {.pid = 1, .stage = "running", .counts = {}, .elapsed = 1s}, pool->options(), status);
    artefacts_["status, JSON, " + when] = json;
    const auto table = tools::report_table(json);
    artefacts_["status, table, " + when] = table ? *table : "";
    EXPECT_TRUE(table) << table.error().message;
  }

  void collect_files(const std::string& when) {
    for (const auto& entry : fs::recursive_directory_iterator{folder_}) {
      if (!entry.is_regular_file()) continue;
      artefacts_[entry.path().filename().string() + ", " + when] = contents_of(entry.path());
    }
  }

  void collect_output() {
    stopped_ = true;
    artefacts_["standard output"] = ::testing::internal::GetCapturedStdout();
    artefacts_["standard error"] = ::testing::internal::GetCapturedStderr();
    // What has failed meanwhile was said where nobody could hear it.
    if (::testing::Test::HasFailure()) std::cout << artefacts_["standard output"] << std::flush;
  }

  std::string folder_;
  tools::ListeningSocket socket_;
  std::ostringstream log_text_;
  std::shared_ptr<spdlog::logger> log_;
  Metrics metrics_{"confidential"};
  Artefacts artefacts_;
  bool stopped_ = false;
};

}  // namespace ordeal::pool

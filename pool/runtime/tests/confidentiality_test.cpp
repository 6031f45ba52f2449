// Confidentiality: what callers and workers say is in no file, log, metric or status, unless the
// option log_payloads asks for it; and then only in events.
//
// A secret for each way that words take through the pool; everything on that writes or shows
// anything; every kind of outcome; then each artefact is searched for each secret. That the search
// can find something is shown by log_payloads = true, and by the session database, which stores.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <sstream>

#include "ordeal/pool/metrics.hpp"
#include "ordeal/pool/observe.hpp"
#include "ordeal/pool/session.hpp"
#include "pool/runtime/tests/session_support.hpp"
#include "pool/tools/status_report.hpp"
#include "pool/tools/unix_socket.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::pool {
namespace {

namespace fs = std::filesystem;

std::string canary(std::string_view channel) {
  std::random_device random;
  return fmt::format("canary-{}-{:08x}{:08x}", channel, random(), random());
}

std::string reversed(const std::string& text) { return {text.rbegin(), text.rend()}; }

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

std::string contents_of(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

using Artefacts = std::map<std::string, std::string>;  // text by name

bool holds(const std::string& text, const std::string& secret) {
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
    auto started = Pool::start(options, {*events, spdlog_sink(log_), metrics_.sink()});
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
  }

  std::string folder_;
  tools::ListeningSocket socket_;
  std::ostringstream log_text_;
  std::shared_ptr<spdlog::logger> log_;
  Metrics metrics_{"confidential"};
  Artefacts artefacts_;
  bool stopped_ = false;
};

Json text_of(const std::string& secret) { return {{"text", reversed(secret)}}; }

CallOptions retried_once() {
  return {.deadline = patience,
          .idempotent = true,
          .retry = RetryPolicy{.max_retries = 1, .base_delay = 1ms, .max_delay = 1ms}};
}

// Each outcome once. The callers get what is theirs.
void use_in_every_way(Scene& scene) {
  const Canaries& secrets = scene.secrets;
  Pool& pool = *scene.pool;
  const auto echoed = pool.call("echo", Json{{"word", secrets.argument}});
  ASSERT_TRUE(echoed) << describe(echoed);
  EXPECT_TRUE(holds(echoed->result_text, secrets.argument));
  const auto said = pool.call("say", text_of(secrets.result));
  ASSERT_TRUE(said) << describe(said);
  EXPECT_TRUE(holds(said->result_text, secrets.result));

  const auto failed = pool.call("fail", text_of(secrets.traceback));
  ASSERT_EQ(code_of(failed), ErrorCode::application_error) << describe(failed);
  EXPECT_TRUE(holds(failed.error().application->traceback, secrets.traceback));
  const auto garbled = pool.call("garble", text_of(secrets.bad_bytes), retried_once());
  ASSERT_FALSE(garbled);
  EXPECT_TRUE(holds(garbled.error().excerpt, secrets.bad_bytes)) << describe(garbled);
  const auto crashed = pool.call("crash", text_of(secrets.last_words), retried_once());
  ASSERT_EQ(code_of(crashed), ErrorCode::worker_died) << describe(crashed);
  EXPECT_EQ(crashed.error().attempts, 2U);
  EXPECT_TRUE(holds(crashed.error().certificate->stderr_tail, secrets.last_words));

  const auto late = pool.call("say_late", text_of(secrets.late), {.deadline = 200ms});
  EXPECT_EQ(code_of(late), ErrorCode::call_timeout) << describe(late);
}

void use_a_session(Scene& scene) {
  const Canaries& secrets = scene.secrets;
  Session session = scene.pool->session("s");
  const auto configured =
      session.call("configure_lm",
                   Json{{"model", "gemini"}, {"api_key", secrets.api_key}, {"temperature", 0.5}});
  ASSERT_TRUE(configured) << describe(configured);
  Json program = program_named("p", secrets.signature);
  program["api_key"] = secrets.api_key;  // no part of a program: not kept
  const auto created = session.call("create_program", program);
  ASSERT_TRUE(created) << describe(created);
  const auto executed = session.call("execute_program", run_of("p", secrets.argument));
  ASSERT_TRUE(executed) << describe(executed);
  ASSERT_TRUE(session.update([&](Json& data) { data["note"] = secrets.data; }));
}

// The asynchronous way and a lease, which run the same exchanges elsewhere.
void use_otherwise(Scene& scene) {
  const std::string arguments = text_of(scene.secrets.result).dump();
  Signal done;
  ASSERT_TRUE(scene.pool->call_async("say", JsonText{arguments}, {.deadline = patience},
                                     [&](const Result<Reply>&) { done.set(); }));
  ASSERT_TRUE(done.wait());
  auto lease = scene.pool->checkout({.deadline = patience});
  ASSERT_TRUE(lease);
  EXPECT_TRUE(lease->call("say", JsonText{arguments}));
}

void use(Scene& scene) {
  use_in_every_way(scene);
  use_a_session(scene);
  use_otherwise(scene);
}

bool is_database(const std::string& artefact) { return artefact.starts_with("sessions.db"); }

bool is_stored(const Canaries& secrets, const std::string& secret) {
  return secret == secrets.data || secret == secrets.signature;
}

TEST(Confidentiality, WhatIsSaidIsInNoArtefactButWhatSessionsStore) {
  RecordProperty("issue", "4, judged point 5");
  Scene scene{false};
  ASSERT_TRUE(scene.pool);
  use(scene);
  const Artefacts artefacts = scene.stop_and_collect();
  std::size_t stored = 0;
  for (const auto& [name, text] : artefacts) {
    for (const std::string& secret : scene.secrets.all()) {
      if (!holds(text, secret)) continue;
      if (is_database(name) && is_stored(scene.secrets, secret)) {
        ++stored;
      } else {
        ADD_FAILURE() << secret << " is in " << name;
      }
    }
  }
  EXPECT_GE(stored, 2U) << "the search does not find what is stored";
  for (const char* name : {"events, in the end", "record, in the end", "log",
                           "metrics, while it ran", "status, JSON, while it ran"}) {
    EXPECT_NE(artefacts.at(name), "") << name;
  }
}

TEST(Confidentiality, LogPayloadsPutsExcerptsIntoEventsAndNowhereElse) {
  Scene scene{true};
  ASSERT_TRUE(scene.pool);
  use(scene);
  const Artefacts artefacts = scene.stop_and_collect();
  const Canaries& secrets = scene.secrets;
  for (const char* name : {"events, in the end", "log"}) {
    const std::string& text = artefacts.at(name);
    for (const std::string& secret :
         {secrets.argument, secrets.result, secrets.bad_bytes, secrets.api_key}) {
      EXPECT_NE(text.find(secret), std::string::npos) << secret << " is not in " << name;
    }
    for (const std::string& secret : {secrets.last_words, secrets.traceback}) {
      EXPECT_EQ(text.find(secret), std::string::npos) << secret << " is in " << name;
    }
    EXPECT_FALSE(holds(text, secrets.worker_variable)) << name;
  }
  for (const auto& [name, text] : artefacts) {
    if (name == "log" || name.starts_with("events") || is_database(name)) continue;
    for (const std::string& secret : secrets.all()) {
      EXPECT_FALSE(holds(text, secret)) << secret << " is in " << name;
    }
  }
}

TEST(Confidentiality, EachFileAndSocketIsItsOwnersAlone) {
  Scene scene{false};
  ASSERT_TRUE(scene.pool);
  use_a_session(scene);
  std::set<std::string> seen;
  for (const auto& entry : fs::recursive_directory_iterator{scene.folder()}) {
    struct stat status {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U) << entry.path();
    seen.insert(entry.path().filename());
  }
  const std::set<std::string> expected{"events",          "record",          "sessions.db",
                                       "sessions.db-wal", "sessions.db-shm", "status.sock"};
  EXPECT_EQ(seen, expected);
}

TEST(Confidentiality, AWorkersEnvironmentIsWhatTheOptionsAllow) {
  Scene scene{false};
  ASSERT_TRUE(scene.pool);
  std::set<std::string> allowed{scene.options.environment_allow.begin(),
                                scene.options.environment_allow.end()};
  for (const auto& [name, value] : scene.options.environment) allowed.insert(name);
  allowed.insert("ORDEAL_PROGRESS_FD");  // the number of a pipe
  const Status status = scene.pool->status();
  ASSERT_EQ(status.workers.size(), 2U);
  for (const WorkerStatus& worker : status.workers) {
    const std::string environment = contents_of(fmt::format("/proc/{}/environ", worker.pid));
    EXPECT_TRUE(holds(environment, scene.secrets.worker_variable));
    EXPECT_FALSE(holds(environment, scene.secrets.host_variable));
    for (std::size_t at = 0; at < environment.size(); at = environment.find('\0', at) + 1) {
      const std::string name = environment.substr(at, environment.find('=', at) - at);
      EXPECT_TRUE(allowed.contains(name)) << name;
    }
  }
}

}  // namespace
}  // namespace ordeal::pool

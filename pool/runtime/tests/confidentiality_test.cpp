// Confidentiality: what callers and workers say is in no file, log, metric or status, unless the
// option log_payloads asks for it; and then only in events.
//
// A secret for each way that words take through the pool; everything on that writes or shows
// anything; every kind of outcome; then each artefact is searched for each secret. That the search
// can find something is shown by log_payloads = true, and by the session database, which stores.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "ordeal/pool/session.hpp"
#include "pool/runtime/tests/confidential_scene.hpp"
#include "pool/runtime/tests/session_support.hpp"

namespace ordeal::pool {
namespace {

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

  // Two workers have died of the last one, and to start others may take longer than this deadline.
  ASSERT_TRUE(wait_until(pool, is_whole)) << describe(pool.status());
  const auto late = pool.call("say_late", text_of(secrets.late), {.deadline = 200ms});
  EXPECT_EQ(code_of(late), ErrorCode::call_timeout) << describe(late);
}

void use_a_session(Scene& scene) {
  const Canaries& secrets = scene.secrets;
  Session session = scene.pool->session("s");
  // The language model is the worker's that was told of it.
  const CallOptions there{.deadline = patience, .affinity = AffinityPolicy::strict};
  const auto configured = session.call(
      "configure_lm", Json{{"model", "gemini"}, {"api_key", secrets.api_key}, {"temperature", 0.5}},
      there);
  ASSERT_TRUE(configured) << describe(configured);
  Json program = program_named("p", secrets.signature);
  program["api_key"] = secrets.api_key;  // no part of a program: not kept
  const auto created = session.call("create_program", program, there);
  ASSERT_TRUE(created) << describe(created);
  const auto executed = session.call("execute_program", run_of("p", secrets.argument), there);
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

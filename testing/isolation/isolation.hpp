// The seven modes of isolation as GoogleTest fixtures: inherit from the one that a test needs.
// What each isolates, and what it does not, is said in the header of its part.
//
//     class StoreTest : public ordeal::trial::BasicIsolation {};
//     TEST_F(StoreTest, ...) { open(names().folder() + "/store"); }
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "testing/isolation/contamination.hpp"
#include "testing/isolation/own_names.hpp"
#include "testing/isolation/own_pool.hpp"
#include "testing/isolation/own_process.hpp"
#include "testing/isolation/registry.hpp"
#include "testing/isolation/signal_routing.hpp"
#include "testing/isolation/supervised_pool.hpp"

namespace ordeal::trial {

// basic
class BasicIsolation : public ::testing::Test {
 protected:
  [[nodiscard]] OwnNames& names() { return names_; }

 private:
  OwnNames names_;
};

// registry
class RegistryIsolation : public BasicIsolation {
 private:
  OwnRegistry registry_;
};

// signal_routing
class SignalRouting : public BasicIsolation {
 protected:
  [[nodiscard]] OwnSignals& signals() { return signals_; }

 private:
  OwnSignals signals_;
};

// full_isolation: with TEST_APART instead of TEST_F.
class FullIsolation : public ::testing::Test {
 protected:
  static constexpr std::chrono::seconds patience{60};
  static void run(void (*body)()) {
    const OwnProcessEnd end = run_in_own_process(
        [body] {
          body();
          return !HasFailure();
        },
        patience);
    EXPECT_TRUE(end.passed) << "in a process of its own: " << end.how;
  }
};
#define TEST_APART(fixture, name)                                   \
  static void fixture##_##name##_in_own_process();                  \
  TEST_F(fixture, name) { run(fixture##_##name##_in_own_process); } \
  static void fixture##_##name##_in_own_process()

// contamination_detection
class ContaminationDetection : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const std::string& change : watch_.clean_up(patience())) {
      ADD_FAILURE() << "contaminates those after it: " << change;
    }
  }

 private:
  // As of the leak check.
  static std::chrono::milliseconds patience() {
    const char* given = std::getenv("ORDEAL_LEAK_PATIENCE_MS");
    return std::chrono::milliseconds{given == nullptr ? 2000 : std::strtol(given, nullptr, 10)};
  }
  ContaminationWatch watch_;
};

// supervision_testing: options() says which pool.
class SupervisionTesting : public ::testing::Test {
 protected:
  [[nodiscard]] virtual pool::Options options() const = 0;
  void SetUp() override { ASSERT_NO_THROW(pool_.emplace(options())); }
  void TearDown() override { pool_.reset(); }
  [[nodiscard]] SupervisedPool& supervised() { return *pool_; }

 private:
  std::optional<SupervisedPool> pool_;
};

// pool_testing: options() says which pool.
class PoolTesting : public BasicIsolation {
 protected:
  [[nodiscard]] virtual pool::Options options() const = 0;
  void SetUp() override { ASSERT_NO_THROW(own_ = std::make_unique<OwnPool>(options())); }
  void TearDown() override {
    if (!own_) return;
    if (HasFailure()) std::puts(in_words(own_->pool().status()).c_str());
    for (const std::string& wrong : own_->end()) ADD_FAILURE() << wrong;
    own_.reset();
  }
  [[nodiscard]] pool::Pool& pool() { return own_->pool(); }
  [[nodiscard]] EventWatch& events() { return own_->events(); }

 private:
  std::unique_ptr<OwnPool> own_;
};

}  // namespace ordeal::trial

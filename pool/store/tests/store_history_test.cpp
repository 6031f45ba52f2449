// Concurrent clients of each store: what they were told can be explained by doing their operations
// one at a time (linearizability, by session).
//
// ORDEAL_SEED repeats the scripts that a failure names. How the threads interleave is the
// machine's.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "pool/core/random.hpp"
#include "pool/store/sqlite_store.hpp"
#include "pool/store/tests/stores.hpp"
#include "testing/cites/cites.hpp"
#include "testing/history/linearizability.hpp"

namespace ordeal::pool::store {
namespace {

using trial::Operation;

constexpr std::uint32_t clients = 4;
constexpr std::uint32_t operations_each = 25;

// A session in the model's eyes: nothing, or its number, the counted operations, and its program's
// record and executions.
struct Known {
  bool there = false;
  int n = 0;
  std::uint64_t operations = 0;
  std::string program;  // empty: none
  std::uint64_t executions = 0;

  [[nodiscard]] std::string text() const {
    return there ? fmt::format("{} {} {} {}", n, operations, program.empty() ? "-" : program,
                               executions)
                 : "";
  }
  static Known of(const std::string& text) {
    Known known;
    if (text.empty()) return known;
    std::istringstream in(text);
    known.there = true;
    in >> known.n >> known.operations >> known.program >> known.executions;
    if (known.program == "-") known.program.clear();
    return known;
  }
};

std::string told(ErrorCode code) { return std::string{to_string(code)}; }

// What doing `input` in this state returns; and the state behind it.
std::string returned(Known& known, const std::string& input) {
  const std::string what = input.substr(0, input.find(' '));
  const std::string argument = input.substr(std::min(what.size() + 1, input.size()));
  if (what == "create") {
    if (known.there) return told(ErrorCode::session_exists);
    known = {.there = true, .n = std::stoi(argument)};
    return "ok";
  }
  if (what == "ensure") {
    const bool made = !known.there;
    if (made) known = {.there = true};
    return made ? "made" : "there";
  }
  if (what == "remove") {
    const bool was = known.there;
    known = {};
    return was ? "removed" : "nothing";
  }
  if (!known.there) return told(ErrorCode::session_not_found);
  if (what == "add") return std::to_string(known.n += std::stoi(argument));
  if (what == "get") return std::to_string(known.n);
  if (what == "put") {
    const bool applies = known.program.empty();
    if (applies) {
      known.program = argument;
      known.executions = 0;
    }
    known.operations += applies;
    return fmt::format("{} {}", applies, known.operations);
  }
  if (what == "executed") {
    known.executions += known.program.empty() ? 0 : 1;
    return fmt::format("true {}", ++known.operations);
  }
  if (what == "forget") {
    const bool applies = !known.program.empty();
    known.program.clear();
    known.executions = 0;
    known.operations += applies;
    return fmt::format("{} {}", applies, known.operations);
  }
  if (known.program.empty()) return "no program";
  return fmt::format("{} {}", known.program, known.executions);
}

trial::SequentialModel store_model() {
  const auto step = [](const std::string& state,
                       const Operation& operation) -> std::optional<std::string> {
    Known known = Known::of(state);
    if (returned(known, operation.input) != operation.output) return std::nullopt;
    return known.text();
  };
  return {.initial = "", .step = step, .step_unknown = [](const std::string& state, const auto&) {
            return std::vector{state};
          }};
}

std::string told(const Result<Completion>& done) {
  return done ? fmt::format("{} {}", done->applied, done->operations) : told(code(done));
}

int number_in(const Json& data) { return data.value("n", 0); }

std::string do_on(SessionStore& store, const std::string& id, const std::string& input) {
  using Kind = ProgramChange::Kind;
  const std::string what = input.substr(0, input.find(' '));
  const std::string argument = input.substr(std::min(what.size() + 1, input.size()));
  if (what == "create") {
    const auto made = store.create(id, Json{{"n", std::stoi(argument)}});
    return made ? "ok" : told(code(made));
  }
  if (what == "ensure") {
    const auto made = store.ensure(id);
    return made ? (*made ? "made" : "there") : told(code(made));
  }
  if (what == "remove") {
    const auto removed = store.remove(id);
    return removed ? (*removed ? "removed" : "nothing") : told(code(removed));
  }
  if (what == "add") {
    const auto data = store.update(id, [&](Json& d) {
      std::this_thread::yield();  // the others come meanwhile
      d = Json{{"n", number_in(d) + std::stoi(argument)}};
    });
    return data ? std::to_string(number_in(*data)) : told(code(data));
  }
  if (what == "get") {
    const auto data = store.get(id);
    return data ? std::to_string(number_in(*data)) : told(code(data));
  }
  if (what == "put") {
    return told(store.complete(id, {.kind = Kind::put, .program = "p", .record = argument}));
  }
  if (what == "executed") return told(store.complete(id, {.kind = Kind::executed, .program = "p"}));
  if (what == "forget") return told(store.complete(id, {.kind = Kind::remove, .program = "p"}));
  const auto program = store.program(id, "p");
  if (!program) return told(code(program));
  return *program ? fmt::format("{} {}", (*program)->record, (*program)->executions) : "no program";
}

std::string draw_input(core::Random& random) {
  switch (random.below(12)) {
    case 0:
      return "create " + std::to_string(random.below(100));
    case 1:
      return "ensure";
    case 2:
      return "remove";
    case 3:
    case 4:
    case 5:
      return "add " + std::to_string(1 + random.below(9));
    case 6:
      return "get";
    case 7:
      return "put r" + std::to_string(random.below(1000));
    case 8:
    case 9:
      return "executed";
    case 10:
      return "forget";
    default:
      return "program";
  }
}

// Each client its own way to the store: with SQLite a host of its own.
std::vector<Operation> play(const std::vector<SessionStore*>& stores, std::uint64_t seed) {
  trial::HistoryRecorder recorder;
  std::atomic<std::uint32_t> waiting{clients};
  std::vector<std::thread> threads;
  for (std::uint32_t client = 0; client < clients; ++client) {
    threads.emplace_back([&, client] {
      core::Random random(seed * clients + client);
      SessionStore& store = *stores[client % stores.size()];
      waiting.fetch_sub(1);
      while (waiting.load() > 0) std::this_thread::yield();
      for (std::uint32_t i = 0; i < operations_each; ++i) {
        const std::string id = random.chance(1, 2) ? "a" : "b";
        const std::string input = draw_input(random);
        recorder.record(client, id, input, [&] { return do_on(store, id, input); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return recorder.take();
}

bool overlaps(const std::vector<Operation>& history) {
  for (const Operation& a : history) {
    for (const Operation& b : history) {
      if (a.client < b.client && a.called < b.returned && b.called < a.returned) return true;
    }
  }
  return false;
}

std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* one = std::getenv("ORDEAL_SEED")) return {std::stoull(one)};
  std::vector<std::uint64_t> all(count);
  for (std::uint64_t i = 0; i < count; ++i) all[i] = i + 1;
  return all;
}

void expect_explained(const std::vector<Operation>& history, std::uint64_t seed) {
  const trial::Linearization found = linearize(history, store_model());
  EXPECT_FALSE(found.gave_up);
  EXPECT_TRUE(found.holds) << found.explanation << "\nrepro: ORDEAL_SEED=" << seed
                           << " store_test --gtest_filter='*StoreHistory*'";
}

class StoreHistory : public ::testing::TestWithParam<StoreKind> {};

TEST_P(StoreHistory, OfConcurrentClientsIsExplainedByOneOperationAtATime) {
  cites(27, 45);
  bool overlapped = false;
  for (const std::uint64_t seed : seeds(GetParam() == StoreKind::memory ? 40 : 6)) {
    Stage stage{GetParam()};
    const std::vector<Operation> history = play({&stage.store()}, seed);
    overlapped |= overlaps(history);
    expect_explained(history, seed);
    if (HasFailure()) return;
  }
  EXPECT_TRUE(overlapped) << "clients that never meet prove nothing";
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreHistory, ::testing::ValuesIn(all_stores),
                         [](const auto& kind) {
                           return fmt::format(
                               "{}", kind.param == StoreKind::memory ? "memory" : "sqlite");
                         });

// Two hosts on one file.
TEST(SqliteStoreHistory, OfTwoConnectionsIsExplainedToo) {
  cites(45);
  for (const std::uint64_t seed : seeds(4)) {
    Stage one{StoreKind::sqlite};
    DatabaseOptions file{.path = one.path()};
    const auto other = SqliteStore::open(std::move(file), one.options());
    ASSERT_TRUE(other);
    expect_explained(play({&one.store(), other->get()}, seed), seed);
    if (HasFailure()) return;
  }
}

// A store that reads and writes in two steps loses changes: the checker must see it.
TEST(StoreHistorySabotage, AnUpdateInTwoStepsIsFoundOut) {
  Stage stage{StoreKind::memory};
  SessionStore& store = stage.store();
  ASSERT_TRUE(store.create("a", Json{{"n", 0}}));
  trial::HistoryRecorder recorder;
  recorder.record(0, "a", "create 0", [] { return "ok"; });
  recorder.record(1, "a", "add 5", [&] {
    const int read = number_in(*store.get("a"));
    recorder.record(2, "a", "add 7", [&] { return do_on(store, "a", "add 7"); });
    (void)store.update("a", [&](Json& d) { d = Json{{"n", read + 5}}; });
    return std::to_string(read + 5);
  });
  recorder.record(3, "a", "get", [&] { return do_on(store, "a", "get"); });
  const trial::Linearization found = linearize(recorder.take(), store_model());
  EXPECT_FALSE(found.holds);
  EXPECT_THAT(found.explanation, ::testing::HasSubstr("client 2: add 7 -> 7"));
}

}  // namespace
}  // namespace ordeal::pool::store

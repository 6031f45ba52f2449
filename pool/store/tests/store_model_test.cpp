// Any sequence of operations on each store, against an oracle so naive that it is right: it keeps
// everything for ever, and asks of each session how old it is.
#include <gtest/gtest.h>
// Needs gtest's declarations before it.
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>

#include "pool/store/tests/stores.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::store {
namespace {

using namespace std::chrono_literals;
using Kind = ProgramChange::Kind;
constexpr Milliseconds ttl{100};

struct Known {
  int value = 0;
  Milliseconds used_at{};
  std::uint64_t operations = 0;
  std::map<std::string, std::pair<std::string, std::uint64_t>> programs;  // record, executions
};

struct Oracle {
  std::map<std::string, Known> sessions;
  Milliseconds now{};

  [[nodiscard]] bool is_alive(const Known& known) const { return now - known.used_at < ttl; }
  // What an access by name is told; forgets what has expired.
  ErrorCode look(const std::string& id) {
    const auto found = sessions.find(id);
    if (found == sessions.end()) return ErrorCode::session_not_found;
    if (is_alive(found->second)) return ErrorCode::none;
    sessions.erase(found);
    return ErrorCode::session_expired;
  }
  ErrorCode use(const std::string& id) {
    const ErrorCode told = look(id);
    if (told == ErrorCode::none) sessions[id].used_at = now;
    return told;
  }
};

void create_or_remove(Stage& stage, Oracle& oracle, const std::string& id, int value) {
  const ErrorCode told = oracle.look(id);
  if (*rc::gen::inRange(0, 3) == 0) {
    RC_ASSERT(*stage->remove(id) == (told == ErrorCode::none));
    oracle.sessions.erase(id);
  } else {
    const auto created = stage->create(id, Json{{"n", value}});
    RC_ASSERT(code(created) ==
              (told == ErrorCode::none ? ErrorCode::session_exists : ErrorCode::none));
    if (created) oracle.sessions[id] = {.value = value, .used_at = oracle.now};
  }
}

void read_or_write(Stage& stage, Oracle& oracle, const std::string& id, int value) {
  switch (*rc::gen::inRange(0, 5)) {
    case 0: {
      const auto data = stage->get(id);
      RC_ASSERT(code(data) == oracle.use(id));
      if (data) RC_ASSERT((*data)["n"] == oracle.sessions[id].value);
      break;
    }
    case 1: {
      const auto data = stage->update(id, [&](Json& d) { d["n"] = value; });
      RC_ASSERT(code(data) == oracle.use(id));
      if (data) oracle.sessions[id].value = value;
      break;
    }
    case 2: {
      const auto data = stage->update(id, [&](Json& d) {
        d["n"] = value;
        throw std::runtime_error("no");
      });
      const ErrorCode told = oracle.look(id);
      RC_ASSERT(code(data) == (told == ErrorCode::none ? ErrorCode::invalid_session : told));
      break;
    }
    case 3:
      RC_ASSERT(code(stage->touch(id)) == oracle.use(id));
      break;
    default: {
      const auto made = stage->ensure(id);
      const ErrorCode told = oracle.use(id);
      RC_ASSERT(code(made) == (told == ErrorCode::session_not_found ? ErrorCode::none : told));
      if (made) RC_ASSERT(*made == (told == ErrorCode::session_not_found));
      if (made && *made) {
        RC_ASSERT(stage->update(id, [](Json& d) { d["n"] = 0; }).has_value());
        oracle.sessions[id] = {.used_at = oracle.now};
      }
    }
  }
}

void complete(Stage& stage, Oracle& oracle, const std::string& id, int value) {
  const std::string program = *rc::gen::elementOf(std::vector<std::string>{"p", "q"});
  const Kind kind = *rc::gen::element(Kind::none, Kind::put, Kind::executed, Kind::remove);
  const std::string record = "{\"v\":" + std::to_string(value) + "}";
  const auto done = stage->complete(id, {.kind = kind, .program = program, .record = record});
  RC_ASSERT(code(done) == oracle.use(id));
  if (!done) return;
  Known& known = oracle.sessions[id];
  const bool there = known.programs.contains(program);
  const bool applied = kind == Kind::put ? !there : kind == Kind::remove ? there : true;
  RC_ASSERT(done->applied == applied);
  if (applied) known.operations += 1;
  if (applied && kind == Kind::put) known.programs[program] = {record, 0};
  if (kind == Kind::remove) known.programs.erase(program);
  if (kind == Kind::executed && there) known.programs[program].second += 1;
  RC_ASSERT(done->operations == known.operations);
}

void compare(Stage& stage, Oracle& oracle) {
  std::vector<std::string> alive;
  for (const auto& [id, known] : oracle.sessions) {
    if (oracle.is_alive(known)) alive.push_back(id);
  }
  const auto listed = *stage->list();
  RC_ASSERT(*stage->count() == alive.size());
  RC_ASSERT(listed.size() == alive.size());
  for (std::size_t i = 0; i < alive.size(); ++i) {
    const Known& known = oracle.sessions[alive[i]];
    RC_ASSERT(listed[i].id == alive[i]);
    RC_ASSERT(listed[i].used_at == known.used_at);
    RC_ASSERT(listed[i].operations == known.operations);
    RC_ASSERT(listed[i].programs == known.programs.size());
  }
}

void compare_programs(Stage& stage, Oracle& oracle, const std::string& id) {
  const auto programs = stage->programs(id);
  RC_ASSERT(code(programs) == oracle.use(id));
  if (!programs) return;
  const Known& known = oracle.sessions[id];
  RC_ASSERT(programs->size() == known.programs.size());
  for (const Program& program : *programs) {
    const auto& [record, executions] = known.programs.at(program.id);
    RC_ASSERT(program.record == record);
    RC_ASSERT(program.executions == executions);
    RC_ASSERT(stage->program(id, program.id)->value() == program);
  }
}

void sweep(Stage& stage, Oracle& oracle) {
  std::vector<std::string> expected;
  for (const auto& [id, known] : oracle.sessions) {
    if (!oracle.is_alive(known)) expected.push_back(id);
  }
  RC_ASSERT(*stage->sweep() == expected);
  for (const std::string& id : expected) oracle.sessions.erase(id);
}

void behaves_like_the_oracle(StoreKind kind) {
  Stage stage{kind, {.ttl = ttl}};
  Oracle oracle{.sessions = {}, .now = stage.now()};
  const int steps = *rc::gen::inRange(0, 60);
  for (int step = 0; step < steps; ++step) {
    const std::string id = *rc::gen::elementOf(std::vector<std::string>{"a", "b", "ä"});
    const int value = *rc::gen::inRange(0, 1000);
    switch (*rc::gen::inRange(0, 9)) {
      case 0:
      case 1: {
        const Milliseconds time{*rc::gen::element(1, 40, 60, 99, 100, 250)};
        stage.pass(time);
        oracle.now += time;
        break;
      }
      case 2:
        create_or_remove(stage, oracle, id, value);
        break;
      case 3:
        sweep(stage, oracle);
        break;
      case 4:
        compare_programs(stage, oracle, id);
        break;
      case 5:
        stage.reopen();
        break;
      case 6:
        complete(stage, oracle, id, value);
        break;
      default:
        read_or_write(stage, oracle, id, value);
    }
    compare(stage, oracle);
  }
}

RC_GTEST_PROP(StoreModel, a_memory_store_is_the_oracle, ()) {
  cites(27, 45);
  behaves_like_the_oracle(StoreKind::memory);
}

RC_GTEST_PROP(StoreModel, a_sqlite_store_is_the_oracle_also_across_reopening, ()) {
  cites(27, 45);
  behaves_like_the_oracle(StoreKind::sqlite);
}

}  // namespace
}  // namespace ordeal::pool::store

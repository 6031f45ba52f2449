// The trace: what is written can be read, and the same values give the same bytes (core/trace.hpp).
#include "pool/core/trace.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "pool/core/names.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;

std::string header_line() {
  std::string text;
  write_header(text, TraceHeader{.options = {}, .seed = 7, .emit = true});
  return text;
}

TEST(Trace, IsReadByPeople) {
  std::string text;
  write_event(text, Instant{1s},
              event::Submitted{.ticket = TicketId{3, 17}, .deadline = never, .idempotent = true});
  write_event(text, Instant{1s},
              event::Submitted{.ticket = TicketId{4, 18},
                               .deadline = never,
                               .idempotent = true,
                               .retry = {.max_retries = 3},
                               .circuit = {2, 5}});
  write_event(text, Instant{2s}, event::TimePassed{});
  write_action(text, action::Kill{WorkerId{1, 9}, KillSignal::kill, KillReason::partial_write});
  write_emit_switch(text, true);
  EXPECT_EQ(text,
            "> 1000000000 submitted ticket=3:17 deadline=never idempotent=1 lease=0 retry=off "
            "session=4294967295 affinity=none state_in_worker=0 circuit=0:0\n"
            "> 1000000000 submitted ticket=4:18 deadline=never idempotent=1 lease=0 "
            "retry=3:exponential:25:1000000000:30000000000 session=4294967295 affinity=none "
            "state_in_worker=0 circuit=2:5\n"
            "> 2000000000 time_passed\n"
            "< kill worker=1:9 signal=kill reason=partial_write\n"
            "= emit 1\n");
}

template <typename Struct>
Struct any_struct();

// Any value of any field.
template <typename T>
T any_value() {
  if constexpr (std::is_same_v<T, Duration>) {
    return Duration{*rc::gen::arbitrary<std::int64_t>()};
  } else if constexpr (std::is_same_v<T, Instant>) {
    if (*rc::gen::inRange(0, 4) == 0) return never;
    return Instant{Duration{*rc::gen::arbitrary<std::int64_t>()}};
  } else if constexpr (std::is_same_v<T, TicketId> || std::is_same_v<T, WorkerId> ||
                       std::is_same_v<T, CircuitId>) {
    T id;
    id.index = *rc::gen::arbitrary<std::uint32_t>();
    id.serial = *rc::gen::arbitrary<std::uint64_t>();
    return id;
  } else if constexpr (std::is_same_v<T, RetryPolicy>) {
    RetryPolicy policy{.max_retries = *rc::gen::arbitrary<std::uint32_t>(),
                       .backoff = any_value<Backoff>(),
                       .jitter_percent = *rc::gen::arbitrary<std::uint8_t>(),
                       .base_delay = any_value<Duration>(),
                       .max_delay = any_value<Duration>()};
    const auto delays = *rc::gen::inRange<std::size_t>(0, DelayTable::size_max + 1);
    while (policy.delays.size() < delays) policy.delays.add(any_value<Duration>());
    return policy;
  } else if constexpr (requires { T::fields(); }) {
    return any_struct<T>();
  } else if constexpr (std::is_same_v<T, ErrorCode>) {
    return static_cast<ErrorCode>(*rc::gen::inRange(0, static_cast<int>(error_code_count)));
  } else if constexpr (std::is_enum_v<T>) {
    return static_cast<T>(*rc::gen::inRange(0, static_cast<int>(Names<T>::all.size())));
  } else {
    return *rc::gen::arbitrary<T>();
  }
}

template <typename Struct>
Struct any_struct() {
  Struct value;
  const auto draw = [&](const auto& field) {
    value.*field.member = any_value<std::decay_t<decltype(value.*field.member)>>();
  };
  std::apply([&](const auto&... field) { (draw(field), ...); }, Struct::fields());
  return value;
}

template <typename Variant, std::size_t... I>
Variant any_alternative(std::index_sequence<I...>) {
  const auto which = *rc::gen::inRange<std::size_t>(0, sizeof...(I));
  Variant result;
  ((which == I ? void(result = any_struct<std::variant_alternative_t<I, Variant>>()) : void()),
   ...);
  return result;
}
template <typename Variant>
Variant any() {
  return any_alternative<Variant>(std::make_index_sequence<std::variant_size_v<Variant>>{});
}

// Equal bytes are equal values: each field is written whole.
RC_GTEST_PROP(TraceModel, WhatWasWrittenIsRead, ()) {
  TraceHeader header;
  header.options = any_struct<CoreOptions>();
  header.seed = *rc::gen::arbitrary<std::uint64_t>();
  header.emit = *rc::gen::arbitrary<bool>();
  std::string text;
  write_header(text, header);
  const auto lines = *rc::gen::inRange(0, 8);
  for (int i = 0; i < lines; ++i) {
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        write_event(text, any_value<Instant>(), any<Event>());
        break;
      case 1:
        write_action(text, any<Action>());
        break;
      default:
        write_emit_switch(text, *rc::gen::arbitrary<bool>());
    }
  }
  TraceReader reader(text);
  std::string again;
  for (;;) {
    const auto line = reader.next();
    if (!line) RC_FAIL(line.error().message);
    if (!*line) break;
    if (const auto* h = std::get_if<TraceHeader>(&**line)) write_header(again, *h);
    if (const auto* e = std::get_if<TracedEvent>(&**line)) write_event(again, e->at, e->event);
    if (const auto* a = std::get_if<Action>(&**line)) write_action(again, *a);
    if (const auto* s = std::get_if<EmitSwitch>(&**line)) write_emit_switch(again, s->enabled);
  }
  RC_ASSERT(again == text);
  RC_ASSERT(reader.line_number() == static_cast<std::uint64_t>(lines) + 1);
}

RC_GTEST_PROP(TraceModel, AnyBytesAreReadOrRefusedNeverMore, (std::string noise)) {
  std::string text = header_line();
  write_event(text, Instant{1s}, any<Event>());
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  text.replace(at, noise.size(), noise);
  TraceReader reader(text);
  for (auto line = reader.next(); line && *line; line = reader.next()) {
  }
}

struct Refused {
  const char* line;
  TraceErrorKind kind;
  const char* message;
};

TEST(Trace, RefusesWithALineNumberAndTheCulprit) {
  using K = TraceErrorKind;
  const Refused cases[] = {
      {"? what", K::unknown_line, "line 2: unknown_line: ?"},
      {"= emit 2", K::wrong_value, "line 2: wrong_value: 2"},
      {"> soon opened", K::wrong_value, "line 2: wrong_value: soon"},
      {"> 1 closed", K::unknown_name, "line 2: unknown_name: closed"},
      {"> 1 opened at=1", K::trailing_text, "line 2: trailing_text: at=1"},
      {"< drain worker=1:1", K::wrong_field, "line 2: wrong_field: slot"},
      {"< drain slot=1 worker=1:1", K::wrong_field, "line 2: wrong_field: slot=1"},
      {"< drain worker=1:1 slot=x", K::wrong_value, "line 2: wrong_value: slot=x"},
      {"< drain worker=1 slot=1", K::wrong_value, "line 2: wrong_value: worker=1"},
      {"< drain worker=1:1 slot=4294967296", K::wrong_value,
       "line 2: wrong_value: slot=4294967296"},
      {"> 1 worker_faulted worker=1:1 code=oops", K::wrong_value, "line 2: wrong_value: code=oops"},
  };
  for (const Refused& refused : cases) {
    const std::string text = header_line() + refused.line + "\n";
    TraceReader reader(text);
    ASSERT_TRUE(reader.next());
    const auto line = reader.next();
    ASSERT_FALSE(line) << refused.line;
    EXPECT_EQ(line.error().kind, refused.kind) << refused.line;
    EXPECT_EQ(line.error().line, 2U);
    EXPECT_EQ(line.error().message, refused.message);
  }
}

TEST(Trace, RefusesWhatIsNoTrace) {
  TraceReader empty("");
  EXPECT_EQ(empty.next().error().kind, TraceErrorKind::not_a_trace);
  TraceReader other("{\"json\": 1}\n");
  EXPECT_EQ(other.next().error().kind, TraceErrorKind::not_a_trace);
  std::string text = header_line();
  const std::string version = " " + std::to_string(trace_version) + " ";
  const std::string next = std::to_string(trace_version + 1);
  text.replace(text.find(version), version.size(), " " + next + " ");
  TraceReader newer(text);
  EXPECT_EQ(newer.next().error().message, "line 1: unsupported_version: " + next);
}

}  // namespace
}  // namespace ordeal::pool::core

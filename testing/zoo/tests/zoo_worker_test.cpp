// What simulated workers say, judged by the pool's own wire: without a process.
#include "testing/zoo/zoo_worker.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "pool/wire/exchange.hpp"
#include "testing/zoo/python_random.hpp"
#include "testing/zoo/zoo_arguments.hpp"

namespace ordeal::trial {
namespace {

TEST(PythonRandom, IsPythonsOwn) {
  // python3 -c 'import random; print(random.Random(5).getrandbits(80).to_bytes(10, "big").hex())'
  const std::string bytes = python_random_bytes(5, 10);
  std::string hex;
  for (const char c : bytes) {
    constexpr const char* digits = "0123456789abcdef";
    hex += digits[static_cast<unsigned char>(c) >> 4U];
    hex += digits[static_cast<unsigned char>(c) & 15U];
  }
  EXPECT_EQ(hex, "bde54164d8399f767c45");
}

TEST(PythonRepr, WritesWhatReprWrites) {
  EXPECT_EQ(python_repr(ZooJson::parse(R"(["it's", "say \"so\"", "both ' and \"", null, true])")),
            R"(["it's", 'say "so"', 'both \' and "', None, True])");
  EXPECT_EQ(python_repr(ZooJson::parse(R"({"a": 1.0, "b": [-3]})")), "{'a': 1.0, 'b': [-3]}");
}

// Each answer as the channel sees it: the codes that the pool's own tests await of real workers.
TEST(ZooWorker, SaysWhatTheWireJudges) {
  using pool::ErrorCode;
  using V = pool::core::ExchangeVerdict;
  const struct {
    const char* command;
    const char* args;
    V verdict;
    ErrorCode code;
  } rows[] = {
      {"echo", R"({"x":1})", V::replied, ErrorCode::none},
      {"error", R"({"type":"Mishap"})", V::application_error, ErrorCode::none},
      {"unrepresentable", R"({"kind":"nan","raw":true})", V::replied, ErrorCode::none},
      {"unrepresentable", R"({"kind":"bytes","raw":true})", V::violated,
       ErrorCode::malformed_frame},
      {"bad_json", "{}", V::violated, ErrorCode::malformed_frame},
      {"not_object", "{}", V::violated, ErrorCode::malformed_reply},
      {"oversize_frame", "{}", V::violated, ErrorCode::reply_too_large},
      {"oversize_frame", R"({"length":0})", V::violated, ErrorCode::malformed_frame},
      {"wrong_id", "{}", V::violated, ErrorCode::reply_id_mismatch},
      {"garbage", "{}", V::violated, ErrorCode::reply_too_large},
      {"stray_bytes_after_reply", "{}", V::replied, ErrorCode::stray_output},
      {"duplicate_reply", "{}", V::replied, ErrorCode::none},
      {"dribble_reply", R"({"piece":1})", V::replied, ErrorCode::none},
  };
  for (const auto& row : rows) {
    const ZooAnswer answer = zoo_answer(
        {.id = 9, .command = row.command, .args = ZooJson::parse(row.args), .error_object = true});
    pool::wire::Channel channel(1 << 20);
    channel.start(9, "frame", pool::core::never);
    channel.on_written(5);
    for (const std::string& piece : answer.pieces) {
      if (channel.result()) break;  // the driver reads no further
      std::copy(piece.begin(), piece.end(), channel.read_space().begin());
      channel.on_read(piece.size());
    }
    ASSERT_TRUE(channel.result()) << row.command;
    EXPECT_EQ(channel.result()->verdict, row.verdict) << row.command << row.args;
    EXPECT_EQ(channel.result()->code, row.code) << row.command << row.args;
  }
}

}  // namespace
}  // namespace ordeal::trial

// Replies: whatever bytes a worker sends give a verdict, and the answer of no other request.
#include <cstring>
#include <nlohmann/json.hpp>

#include "pool/wire/exchange.hpp"
#include "pool/wire/handshake.hpp"
#include "testing/fuzz/choices.hpp"

namespace wire = ordeal::pool::wire;
namespace core = ordeal::pool::core;
using ordeal::trial::Choices;
using ordeal::trial::must;
using Json = nlohmann::json;

namespace {

// The decoder hands out bodies with so many readable bytes behind them.
std::string padded(std::string_view body) {
  std::string text{body};
  text.append(wire::padding_bytes, '\0');
  return text;
}

void decode(std::string_view body) {
  const std::string text = padded(body);
  const auto reply = wire::decode_reply({text.data(), body.size()});
  if (!reply) {
    must(reply.error().code != ordeal::pool::ErrorCode::none, "what is refused has a code");
    must(!reply.error().message.empty(), "what is refused has a sentence");
    return;
  }
  if (!reply->success) return;
  must(!reply->result.empty(), "a success has a result");
  must(text.find(reply->result) != std::string::npos, "a result is the worker's own text");
  const Json whole = Json::parse(body, nullptr, false);
  if (whole.is_discarded()) return;  // Python's NaN, say
  must(whole.is_object() && whole.value("success", false), "a success says so");
  must(whole["id"].get<std::uint64_t>() == reply->id, "a reply's id is the one that it says");
  wire::Capabilities all;
  all.add(wire::Capability::cancel).add(wire::Capability::context);
  (void)wire::decode_handshake(reply->result, all);
}

// A request with the id 7 is on its way; `stream` is what comes back.
void hear(std::string_view stream, std::size_t chunk) {
  wire::Channel channel{4096};
  const std::string request = "request";
  channel.start(7, request, core::never);
  channel.on_written(channel.unwritten().size());
  while (!stream.empty() && !channel.result()) {
    const auto space = channel.read_space();
    const std::size_t count = std::min({chunk, space.size(), stream.size()});
    std::memcpy(space.data(), stream.data(), count);
    channel.on_read(count);
    stream.remove_prefix(count);
  }
  if (!channel.result()) channel.on_end_of_file();
  must(channel.result().has_value(), "an exchange whose stream has ended has ended");
  const auto& result = *channel.result();
  if (result.verdict != core::ExchangeVerdict::replied) return;
  must(!result.reply.empty(), "a reply that counts has a result");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices{data, size};
  const std::uint32_t how = choices.below(256);
  const std::string_view text = choices.rest();
  if (how % 2 == 0) {
    decode(text);
  } else if (how % 4 == 1) {
    hear(text, 1 + how / 4);
  } else {
    std::string framed(wire::header_bytes, '\0');
    wire::store_length(framed.data(), static_cast<std::uint32_t>(text.size()));
    hear(framed.append(text), 1 + how / 4);
  }
  return 0;
}

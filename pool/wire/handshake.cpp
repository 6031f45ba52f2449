#include "pool/wire/handshake.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "pool/wire/json_scan.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::wire {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, capability_count> names{
    "cancel", "context", "error_object", "progress", "stack_dump", "heartbeat", "session"};

tl::unexpected<Error> refused(ErrorCode code, std::string message, std::string_view result) {
  Error error = make_error(code, std::move(message));
  error.excerpt = excerpt(result);
  return tl::make_unexpected(std::move(error));
}

tl::unexpected<Error> failed(std::string what, std::string_view result) {
  return refused(ErrorCode::handshake_failed, "handshake failed: " + std::move(what), result);
}

// The integer of this name, or nothing if it is another kind of value, negative or too large.
std::optional<std::uint64_t> integer(const json& terms, const char* name) {
  const auto at = terms.find(name);
  if (at == terms.end() || !at->is_number_unsigned()) return std::nullopt;
  return at->get<std::uint64_t>();
}

std::string shown(const json& terms, const char* name) {
  const auto at = terms.find(name);
  if (at == terms.end()) return "nothing";
  return excerpt(at->dump(-1, ' ', true, json::error_handler_t::replace));
}

Capabilities agreed(const json& claimed, Capabilities offered) {
  Capabilities set;
  for (std::size_t i = 0; i < capability_count; ++i) {
    const auto capability = static_cast<Capability>(i);
    if (!offered.has(capability)) continue;
    for (const json& name : claimed) {
      if (name.is_string() && name.get_ref<const std::string&>() == names[i]) set.add(capability);
    }
  }
  return set;
}

Result<Handshake> decode_terms(std::string_view text, Capabilities offered) {
  const json terms = json::parse(text, nullptr, false);
  if (!terms.is_object()) return failed("ordeal must be an object", text);
  const auto protocol = integer(terms, "protocol");
  if (!protocol || *protocol == 0) {
    return failed(
        "ordeal.protocol must be an integer of at least 1, not " + shown(terms, "protocol"), text);
  }
  if (*protocol > protocol_version) {
    return refused(ErrorCode::protocol_unsupported,
                   "worker insists on protocol " + std::to_string(*protocol) +
                       ", this pool speaks up to " + std::to_string(protocol_version),
                   text);
  }
  Handshake handshake;
  handshake.protocol = protocol;
  if (const auto claimed = terms.find("capabilities"); claimed != terms.end()) {
    if (!claimed->is_array()) {
      return failed("ordeal.capabilities must be an array, not " + shown(terms, "capabilities"),
                    text);
    }
    handshake.agreed = agreed(*claimed, offered);
  }
  if (terms.contains("slots")) {
    const auto slots = integer(terms, "slots");
    if (!slots || *slots == 0 || *slots > slots_declared_max) {
      return failed("ordeal.slots must be an integer from 1 to " +
                        std::to_string(slots_declared_max) + ", not " + shown(terms, "slots"),
                    text);
    }
    handshake.slots = static_cast<std::uint32_t>(*slots);
  }
  return handshake;
}

}  // namespace

std::string_view to_string(Capability capability) {
  return names[static_cast<std::size_t>(capability)];
}

Result<Handshake> decode_handshake(std::string_view result, Capabilities offered) {
  std::optional<std::string_view> terms;
  const auto flaw =
      scan_members(result, Constants::passed, [&](std::string_view key, std::string_view value) {
        if (key == "ordeal") terms = value;
      });
  if (flaw) return failed("result is not JSON: " + describe(*flaw), result);
  if (const JsonKind kind = kind_of(result); kind != JsonKind::object) {
    return failed("result must be an object, not " + std::string(to_string(kind)), result);
  }
  if (!terms) return Handshake{};
  return decode_terms(*terms, offered);
}

}  // namespace ordeal::pool::wire

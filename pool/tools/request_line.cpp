#include "pool/tools/request_line.hpp"

#include <array>
#include <charconv>

#include <fmt/format.h>

#include "pool/wire/json_scan.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool::tools {
namespace {

using wire::JsonKind;

tl::unexpected<Error> invalid(std::string message) {
  return tl::unexpected(make_error(ErrorCode::invalid_arguments, std::move(message)));
}

tl::unexpected<Error> wrong_kind(std::string_view key, std::string_view wanted,
                                 std::string_view value) {
  return invalid(fmt::format("\"{}\" must be {}, not {}", key, wanted, wire::excerpt(value)));
}

// The text between the quotes of a JSON string, escapes resolved.
std::string content(std::string_view value) {
  const std::string_view inner = value.substr(1, value.size() - 2);
  return inner.find('\\') == std::string_view::npos ? std::string{inner} : wire::unescaped(inner);
}

using Take = Result<void> (*)(RequestLine&, std::string_view key, std::string_view value);

template <std::string RequestLine::*member>
Result<void> take_text(RequestLine& request, std::string_view key, std::string_view value) {
  if (wire::kind_of(value) != JsonKind::string) return wrong_kind(key, "a string", value);
  request.*member = content(value);
  return {};
}

Result<void> take_args(RequestLine& request, std::string_view key, std::string_view value) {
  if (wire::kind_of(value) != JsonKind::object) return wrong_kind(key, "an object", value);
  request.args = value;
  return {};
}

Result<void> take_id(RequestLine& request, std::string_view, std::string_view value) {
  request.id = value;
  return {};
}

Result<void> take_deadline(RequestLine& request, std::string_view key, std::string_view value) {
  std::int64_t milliseconds = 0;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), milliseconds);
  if (error != std::errc{} || end != value.data() + value.size() || milliseconds < 1 ||
      milliseconds > deadline_ms_max) {
    return wrong_kind(key, fmt::format("an integer from 1 to {}", deadline_ms_max), value);
  }
  request.deadline = std::chrono::milliseconds{milliseconds};
  return {};
}

Result<void> take_idempotent(RequestLine& request, std::string_view key, std::string_view value) {
  if (wire::kind_of(value) != JsonKind::boolean) return wrong_kind(key, "true or false", value);
  request.idempotent = value == "true";
  return {};
}

struct Member {
  std::string_view key;
  Take take;
};
constexpr std::array<Member, 8> members{{{"command", take_text<&RequestLine::command>},
                                         {"args", take_args},
                                         {"id", take_id},
                                         {"deadline_ms", take_deadline},
                                         {"idempotent", take_idempotent},
                                         {"label", take_text<&RequestLine::label>},
                                         {"session", take_text<&RequestLine::session>},
                                         {"traceparent", take_text<&RequestLine::traceparent>}}};

Result<void> take_member(RequestLine& request, std::uint32_t& seen, std::string_view key,
                         std::string_view value) {
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].key != key) continue;
    if ((seen & 1U << i) != 0) return invalid(fmt::format("\"{}\" is given twice", key));
    seen |= 1U << i;
    return members[i].take(request, key, value);
  }
  return invalid(
      fmt::format("unknown member \"{}\"; known: command, args, id, deadline_ms, "
                  "idempotent, label, session, traceparent",
                  wire::excerpt(key)));
}

}  // namespace

Result<void> parse_request_line(std::string_view text, RequestLine& request) {
  std::uint32_t seen = 0;
  Result<void> result;
  const auto take = [&](std::string_view key, std::string_view value) {
    // The first mistake is told; the id is still looked for.
    if (result || key == "id") {
      if (auto taken = take_member(request, seen, key, value); !taken && result) result = taken;
    }
  };
  const auto flaw = wire::scan_members(text, wire::Constants::refused, take);
  if (flaw) {
    request.id.clear();  // of what is no JSON nothing is believed
    return invalid("not JSON: " + wire::describe(*flaw));
  }
  if (wire::kind_of(text.substr(text.find_first_not_of(" \t\r"))) != JsonKind::object) {
    return invalid("not a JSON object: " + wire::excerpt(text));
  }
  if (!result) return result;
  if (request.command.empty()) return invalid("\"command\" is missing or empty");
  return {};
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace ordeal::pool::tools

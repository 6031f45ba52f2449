#include "pool/store/common.hpp"

#include <fmt/format.h>

#include <exception>
#include <nlohmann/json.hpp>

#include "pool/wire/json_text.hpp"

namespace ordeal::pool::store {
namespace {

Error invalid(std::string message) {
  return make_error(ErrorCode::invalid_session, std::move(message));
}

}  // namespace

Result<void> check_id(std::string_view id) {
  if (id.empty()) return tl::unexpected(invalid("the session's name is empty"));
  if (id.size() > session_id_bytes_max) {
    return tl::unexpected(
        invalid(fmt::format("session \"{}\": a name of {} bytes, allowed 1 to {}",
                            wire::excerpt(id.substr(0, 40)), id.size(), session_id_bytes_max)));
  }
  if (wire::valid_utf8_prefix(id) != id.size()) {
    return tl::unexpected(
        invalid(fmt::format("session \"{}\": its name is not UTF-8", wire::excerpt(id))));
  }
  return {};
}

Error not_found(std::string_view id) {
  return make_error(ErrorCode::session_not_found,
                    fmt::format("session \"{}\" does not exist", wire::excerpt(id)));
}

Error exists(std::string_view id) {
  return make_error(ErrorCode::session_exists,
                    fmt::format("session \"{}\" exists already", wire::excerpt(id)));
}

Error expired(std::string_view id, Milliseconds ttl) {
  return make_error(ErrorCode::session_expired,
                    fmt::format("session \"{}\" was not used for session_ttl_ms {}, and is gone",
                                wire::excerpt(id), ttl.count()));
}

Error reentered() {
  return make_error(ErrorCode::would_deadlock,
                    "a session's change may not use the store that runs it");
}

Error in_use() {
  return make_error(ErrorCode::store_timeout,
                    "the session store was in others' hands until the deadline");
}

bool OwnedMutex::lock_until(Instant until) {
  if (try_lock()) return true;
  ++waiting_;
  bool taken = false;
  while (true) {
    // Whoever frees it behind the failed try sees that somebody waits, and changes the word.
    const std::uint32_t ticket = freed_.ticket();
    taken = try_lock();
    if (taken || runtime::now() >= until) break;
    freed_.wait_until(until, ticket);
  }
  --waiting_;
  return taken;
}

Result<void> check_record(const ProgramChange& change, const StoreOptions& options) {
  if (change.kind == ProgramChange::Kind::none) return {};
  if (change.program.size() > options.value_bytes_max ||
      change.record.size() > options.value_bytes_max) {
    return tl::unexpected(invalid(fmt::format("the record of a program has {} bytes, allowed {}",
                                              change.record.size(), options.value_bytes_max)));
  }
  return {};
}

Error too_many_programs(std::string_view id, const StoreOptions& options) {
  return make_error(ErrorCode::store_full,
                    fmt::format("session \"{}\" has {} programs, as many as it may",
                                wire::excerpt(id), options.programs_max));
}

Result<std::string> encode(const nlohmann::json& data, const StoreOptions& options) {
  try {
    std::string text = data.dump();
    if (text.size() > options.value_bytes_max) {
      return tl::unexpected(invalid(fmt::format("the session's data have {} bytes, allowed {}",
                                                text.size(), options.value_bytes_max)));
    }
    return text;
  } catch (const nlohmann::json::exception& error) {
    return tl::unexpected(
        invalid(fmt::format("the session's data cannot be written as JSON: {}", error.what())));
  }
}

Result<nlohmann::json> decode(std::string_view id, const std::string& text) {
  nlohmann::json data = nlohmann::json::parse(text, nullptr, false);
  if (data.is_discarded()) {
    return tl::unexpected(
        make_error(ErrorCode::store_unavailable,
                   fmt::format("session \"{}\": its stored data are not JSON", wire::excerpt(id))));
  }
  return data;
}

Result<std::string> apply(const SessionChange& change, nlohmann::json& data,
                          const StoreOptions& options) {
  try {
    change(data);
  } catch (const std::exception& error) {
    return tl::unexpected(
        invalid(fmt::format("the change of the session's data failed: {}", error.what())));
  } catch (...) {
    return tl::unexpected(
        invalid("the change of the session's data failed: it threw something unknown"));
  }
  return encode(data, options);
}

}  // namespace ordeal::pool::store

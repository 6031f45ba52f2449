// The public handle of sessions: thin, on Sessions.
#include "ordeal/pool/session.hpp"

#include <nlohmann/json.hpp>

#include "ordeal/pool/pool.hpp"
#include "pool/runtime/sessions.hpp"

namespace ordeal::pool {
namespace {

Error pool_is_gone() {
  return make_error(ErrorCode::pool_stopping, "the pool of this session is gone");
}

// Runs `body(store)` while the pool is there.
template <typename Body>
auto with_store(const std::weak_ptr<runtime::Sessions>& weak, Body body)
    -> decltype(body(std::declval<runtime::Sessions&>(), std::declval<store::SessionStore&>())) {
  const auto sessions = weak.lock();
  if (!sessions) return tl::unexpected(pool_is_gone());
  const auto store = sessions->store();
  if (!store) return tl::unexpected(store.error());
  return body(*sessions, **store);
}

}  // namespace

Session Pool::session(std::string id) const { return Session{sessions_, std::move(id)}; }

Result<Reply> Session::call(std::string_view command, JsonText arguments,
                            const CallOptions& options) {
  const auto sessions = sessions_.lock();
  if (!sessions) return tl::unexpected(pool_is_gone());
  return sessions->call(id_, command, arguments, options);
}

Result<Reply> Session::call(std::string_view command, const nlohmann::json& arguments,
                            const CallOptions& options) {
  try {
    return call(command, JsonText{arguments.dump()}, options);
  } catch (const nlohmann::json::exception& error) {
    return tl::unexpected(make_error(ErrorCode::unencodable_arguments, error.what()));
  }
}

Result<nlohmann::json> Session::data() const {
  return with_store(sessions_,
                    [&](runtime::Sessions&, store::SessionStore& store) { return store.get(id_); });
}

Result<nlohmann::json> Session::update(const SessionChange& change) {
  return with_store(
      sessions_,
      [&](runtime::Sessions& sessions, store::SessionStore& store) -> Result<nlohmann::json> {
        auto updated = store.update(id_, change);
        if (updated || updated.error().code != ErrorCode::session_not_found) return updated;
        if (auto made = sessions.ensure(id_); !made) return tl::unexpected(made.error());
        return store.update(id_, change);
      });
}

Result<SessionInfo> Session::info() const {
  return with_store(sessions_, [&](runtime::Sessions&, store::SessionStore& store) {
    return store.describe(id_);
  });
}

Result<void> Session::remove() {
  return with_store(sessions_, [&](runtime::Sessions& sessions, store::SessionStore& store) {
    sessions.end(id_);
    return store.remove(id_).map([](bool) {});
  });
}

}  // namespace ordeal::pool

// The public handle of sessions: thin, on Sessions.
#include "ordeal/pool/session.hpp"

#include <nlohmann/json.hpp>

#include "ordeal/pool/pool.hpp"
#include "pool/runtime/lease_state.hpp"
#include "pool/runtime/sessions.hpp"

namespace ordeal::pool {
namespace {

Error pool_is_gone() {
  return make_error(ErrorCode::pool_stopping, "the pool of this session is gone");
}

// Runs `body(sessions, store, until)` while the pool is there.
template <typename Body>
auto with_store(const std::weak_ptr<runtime::Sessions>& weak, const Deadline& deadline, Body body)
    -> decltype(body(std::declval<runtime::Sessions&>(), std::declval<store::SessionStore&>(),
                     runtime::Instant{})) {
  const auto sessions = weak.lock();
  if (!sessions) return tl::unexpected(pool_is_gone());
  const auto store = sessions->store();
  if (!store) return tl::unexpected(store.error());
  return body(*sessions, **store, sessions->until(deadline));
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

Result<Ticket> Session::call_async(std::string_view command, JsonText arguments,
                                   const CallOptions& options,
                                   std::function<void(Result<Reply>)> callback) {
  const auto sessions = sessions_.lock();
  if (!sessions) return tl::unexpected(pool_is_gone());
  auto ticket = sessions->call_async(id_, command, arguments, options, std::move(callback));
  if (!ticket) return tl::unexpected(std::move(ticket.error()));
  return Ticket{std::move(*ticket)};
}

Result<Lease> Session::checkout(const CallOptions& options, Place place) {
  const auto sessions = sessions_.lock();
  if (!sessions) return tl::unexpected(pool_is_gone());
  auto state = sessions->checkout(id_, options, place);
  if (!state) return tl::unexpected(std::move(state.error()));
  (*state)->sessions = sessions;
  return Lease{std::move(*state)};
}

Result<nlohmann::json> Session::data(const Deadline& deadline) const {
  return with_store(sessions_, deadline,
                    [&](runtime::Sessions&, store::SessionStore& store, runtime::Instant until) {
                      return store.get(id_, until);
                    });
}

Result<nlohmann::json> Session::update(const SessionChange& change, const Deadline& deadline) {
  return with_store(sessions_, deadline,
                    [&](runtime::Sessions& sessions, store::SessionStore& store,
                        runtime::Instant until) -> Result<nlohmann::json> {
                      auto updated = store.update(id_, change, until);
                      if (updated || updated.error().code != ErrorCode::session_not_found) {
                        return updated;
                      }
                      if (auto made = sessions.ensure(id_, until); !made) {
                        return tl::unexpected(made.error());
                      }
                      return store.update(id_, change, until);
                    });
}

Result<SessionInfo> Session::info(const Deadline& deadline) const {
  return with_store(sessions_, deadline,
                    [&](runtime::Sessions&, store::SessionStore& store, runtime::Instant until) {
                      return store.describe(id_, until);
                    });
}

Result<void> Session::remove(const Deadline& deadline) {
  return with_store(
      sessions_, deadline,
      [&](runtime::Sessions& sessions, store::SessionStore& store, runtime::Instant until) {
        sessions.end(id_);
        return store.remove(id_, until).map([](bool) {});
      });
}

}  // namespace ordeal::pool

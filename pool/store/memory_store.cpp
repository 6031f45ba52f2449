#include "pool/store/memory_store.hpp"

#include <fmt/format.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

namespace ordeal::pool::store {
namespace {

SessionInfo info_of(const std::string& id, const auto& record) {
  return {.id = id,
          .created_at = record.created_at,
          .used_at = record.used_at,
          .operations = record.operations,
          .programs = record.programs.size()};
}

}  // namespace

MemoryStore::MemoryStore(StoreOptions options) : options_(std::move(options)) {}

template <typename Body>
auto MemoryStore::locked(Instant until, Body body) {
  using Outcome = decltype(body(Milliseconds{}));
  if (mutex_.is_mine()) return Outcome{tl::unexpected(reentered())};
  if (!mutex_.lock_until(until)) return Outcome{tl::unexpected(in_use())};
  const std::lock_guard lock{mutex_, std::adopt_lock};
  return Outcome{body(options_.clock())};
}

template <typename Body>
bool MemoryStore::used_again(std::string_view id, Body body) {
  if (!mutex_.try_lock()) return false;
  const std::lock_guard lock{mutex_, std::adopt_lock};
  if (last_ == sessions_.end() || last_->first != id) return false;
  Record& record = last_->second;
  const Milliseconds now = options_.clock();
  if (is_expired(record.used_at, now, options_.ttl)) return false;
  record.used_at = now;
  body(record);
  return true;
}

MemoryStore::Sessions::iterator MemoryStore::look_up(std::string_view id) {
  if (last_ == sessions_.end() || last_->first != id) last_ = sessions_.find(id);
  return last_;
}

MemoryStore::Sessions::iterator MemoryStore::erase(Sessions::iterator session) {
  last_ = sessions_.end();
  return sessions_.erase(session);
}

Result<MemoryStore::Record*> MemoryStore::find(std::string_view id, Milliseconds now) {
  const auto found = look_up(id);
  if (found == sessions_.end()) {  // what is there has a good name
    if (auto fine = check_id(id); !fine) return tl::unexpected(std::move(fine.error()));
    return tl::unexpected(not_found(id));
  }
  if (is_expired(found->second.used_at, now, options_.ttl)) {
    erase(found);
    return tl::unexpected(expired(id, options_.ttl));
  }
  return &found->second;
}

Result<MemoryStore::Record*> MemoryStore::use(std::string_view id, Milliseconds now) {
  auto record = find(id, now);
  if (record) (*record)->used_at = now;
  return record;
}

Result<void> MemoryStore::make(std::string_view id, std::string data, Milliseconds now) {
  if (sessions_.size() >= options_.sessions_max) remove_expired(now);
  if (sessions_.size() >= options_.sessions_max) {
    return tl::unexpected(
        make_error(ErrorCode::store_full,
                   fmt::format("{} sessions are there, as many as may be", options_.sessions_max)));
  }
  Record& record = sessions_[std::string{id}];
  record.data = std::move(data);
  record.created_at = now;
  record.used_at = now;
  return {};
}

Result<void> MemoryStore::create(std::string_view id, const nlohmann::json& data, Instant until) {
  const auto text = encode(data, options_);
  if (!text) return tl::unexpected(text.error());
  return locked(until, [&](Milliseconds now) -> Result<void> {
    const auto there = find(id, now);
    if (there) return tl::unexpected(exists(id));
    if (!is_absent(there.error())) return tl::unexpected(there.error());
    return make(id, *text, now);
  });
}

Result<bool> MemoryStore::ensure(std::string_view id, Instant until) {
  if (used_again(id, [](const Record&) {})) return false;
  return locked(until, [&](Milliseconds now) -> Result<bool> {
    const auto there = use(id, now);
    if (there) return false;
    if (there.error().code != ErrorCode::session_not_found) return tl::unexpected(there.error());
    if (auto made = make(id, "{}", now); !made) return tl::unexpected(std::move(made.error()));
    return true;
  });
}

Result<nlohmann::json> MemoryStore::get(std::string_view id, Instant until) {
  return locked(until, [&](Milliseconds now) -> Result<nlohmann::json> {
    const auto record = use(id, now);
    if (!record) return tl::unexpected(record.error());
    return decode(id, (*record)->data);
  });
}

Result<nlohmann::json> MemoryStore::update(std::string_view id, const SessionChange& change,
                                           Instant until) {
  return locked(until, [&](Milliseconds now) -> Result<nlohmann::json> {
    const auto record = find(id, now);
    if (!record) return tl::unexpected(record.error());
    auto data = decode(id, (*record)->data);
    if (!data) return data;
    auto text = apply(change, *data, options_);
    if (!text) return tl::unexpected(std::move(text.error()));
    (*record)->data = std::move(*text);
    (*record)->used_at = now;
    // What was stored, not what the change left: a NaN, say, is stored as null.
    return decode(id, (*record)->data);
  });
}

Result<void> MemoryStore::touch(std::string_view id, Instant until) {
  return locked(until,
                [&](Milliseconds now) -> Result<void> { return use(id, now).map([](Record*) {}); });
}

Result<bool> MemoryStore::remove(std::string_view id, Instant until) {
  return locked(until, [&](Milliseconds now) -> Result<bool> {
    if (auto fine = check_id(id); !fine) return tl::unexpected(std::move(fine.error()));
    const auto found = look_up(id);
    if (found == sessions_.end()) return false;
    const bool lived = !is_expired(found->second.used_at, now, options_.ttl);
    erase(found);
    return lived;
  });
}

Result<SessionInfo> MemoryStore::describe(std::string_view id, Instant until) {
  return locked(until, [&](Milliseconds now) -> Result<SessionInfo> {
    return find(id, now).map([&](Record* record) { return info_of(std::string{id}, *record); });
  });
}

Result<std::vector<SessionInfo>> MemoryStore::list(Instant until) {
  return locked(until, [&](Milliseconds now) -> Result<std::vector<SessionInfo>> {
    std::vector<SessionInfo> found;
    for (const auto& [id, record] : sessions_) {
      if (!is_expired(record.used_at, now, options_.ttl)) found.push_back(info_of(id, record));
    }
    return found;
  });
}

Result<std::size_t> MemoryStore::count(Instant until) {
  return list(until).map([](const std::vector<SessionInfo>& all) { return all.size(); });
}

Result<std::vector<std::string>> MemoryStore::sweep(Instant until) {
  return locked(until, [&](Milliseconds now) -> Result<std::vector<std::string>> {
    return remove_expired(now);
  });
}

std::vector<std::string> MemoryStore::remove_expired(Milliseconds now) {
  std::vector<std::string> gone;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (is_expired(it->second.used_at, now, options_.ttl)) {
      gone.push_back(it->first);
      it = erase(it);
    } else {
      ++it;
    }
  }
  return gone;
}

Result<Completion> MemoryStore::complete(std::string_view id, const ProgramChange& change,
                                         Instant until) {
  if (change.kind == ProgramChange::Kind::none) {
    std::uint64_t operations = 0;
    if (used_again(id, [&](Record& record) { operations = ++record.operations; })) {
      return Completion{.operations = operations, .applied = true};
    }
  }
  return locked(until, [&](Milliseconds now) -> Result<Completion> {
    if (change.kind != ProgramChange::Kind::none) {
      if (auto fine = check_record(change, options_); !fine) return tl::unexpected(fine.error());
    }
    const auto record = find(id, now);
    if (!record) return tl::unexpected(record.error());
    const auto applied = apply_change(id, **record, change, now);
    if (!applied) return tl::unexpected(applied.error());
    (*record)->operations += *applied ? 1 : 0;
    (*record)->used_at = now;
    return Completion{.operations = (*record)->operations, .applied = *applied};
  });
}

Result<bool> MemoryStore::apply_change(std::string_view id, Record& record,
                                       const ProgramChange& change, Milliseconds now) const {
  if (change.kind == ProgramChange::Kind::none) return true;
  auto& programs = record.programs;
  const auto found = programs.find(change.program);
  switch (change.kind) {
    case ProgramChange::Kind::none:
      return true;
    case ProgramChange::Kind::put: {
      if (found != programs.end()) return false;
      if (programs.size() >= options_.programs_max) {
        return tl::unexpected(too_many_programs(id, options_));
      }
      const std::string name{change.program};
      programs[name] = {.id = name, .record = std::string{change.record}, .created_at = now};
      return true;
    }
    case ProgramChange::Kind::executed:
      if (found != programs.end()) {
        found->second.executions += 1;
        found->second.executed_at = now;
      }
      return true;
    case ProgramChange::Kind::remove:
      if (found == programs.end()) return false;
      programs.erase(found);
      return true;
  }
  return true;
}

Result<std::optional<Program>> MemoryStore::program(std::string_view id, std::string_view program,
                                                    Instant until) {
  return locked(until, [&](Milliseconds now) -> Result<std::optional<Program>> {
    const auto record = use(id, now);
    if (!record) return tl::unexpected(record.error());
    const auto found = (*record)->programs.find(program);
    if (found == (*record)->programs.end()) return std::nullopt;
    return found->second;
  });
}

Result<std::vector<Program>> MemoryStore::programs(std::string_view id, Instant until) {
  return locked(until, [&](Milliseconds now) -> Result<std::vector<Program>> {
    const auto record = use(id, now);
    if (!record) return tl::unexpected(record.error());
    std::vector<Program> found;
    for (const auto& [name, program] : (*record)->programs) found.push_back(program);
    return found;
  });
}

}  // namespace ordeal::pool::store

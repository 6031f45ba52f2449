#include "pool/core/affinity.hpp"

#include "pool/core/assert.hpp"

namespace ordeal::pool::core {

void Affinity::enter(std::uint32_t session) {
  ORDEAL_ASSERT(session != no_session, "only a session is used");
  if (session >= sessions_.size()) sessions_.resize(session + std::size_t{1});
  Session& s = sessions_[session];
  if (s.users++ == 0 && s.kind != Kind::unknown) unlink_from_idle(session);
}

bool Affinity::leave(std::uint32_t session, Instant now) {
  Session& s = sessions_[session];
  ORDEAL_ASSERT(s.users > 0, "a request ends once");
  if (--s.users > 0) return true;
  if (s.kind == Kind::unknown) return false;
  s.used_at = now;
  s.older = newest_idle_;
  s.newer = none;
  (newest_idle_ == none ? oldest_idle_ : sessions_[newest_idle_].newer) = session;
  newest_idle_ = session;
  return true;
}

WorkerId Affinity::bound_to(std::uint32_t session) const {
  if (session >= sessions_.size() || sessions_[session].kind != Kind::bound) return {};
  return sessions_[session].worker;
}

Affinity::Bound Affinity::bind(std::uint32_t session, WorkerId worker) {
  ORDEAL_ASSERT(is_in_use(session), "a session is bound while a request of it is open");
  Session& s = sessions_[session];
  if (s.kind == Kind::bound && s.worker == worker) {
    return {.outcome = AffinityOutcome::hit, .before = {}};
  }
  Bound bound;
  if (s.kind != Kind::unknown) bound = {.outcome = AffinityOutcome::rebound, .before = s.worker};
  if (s.kind == Kind::bound) unlink_from_worker(session);
  if (s.kind == Kind::orphan) --orphans_;
  link_to_worker(session, worker);
  return bound;
}

void Affinity::link_to_worker(std::uint32_t session, WorkerId worker) {
  if (worker.index >= workers_.size()) workers_.resize(worker.index + std::size_t{1});
  OfWorker& of = workers_[worker.index];
  Session& s = sessions_[session];
  s.kind = Kind::bound;
  s.worker = worker;
  s.before = none;
  s.behind = of.first;
  if (of.first != none) sessions_[of.first].before = session;
  of.first = session;
  ++of.count;
  ++bindings_;
}

void Affinity::unlink_from_worker(std::uint32_t session) {
  const Session& s = sessions_[session];
  OfWorker& of = workers_[s.worker.index];
  (s.before == none ? of.first : sessions_[s.before].behind) = s.behind;
  if (s.behind != none) sessions_[s.behind].before = s.before;
  --of.count;
  --bindings_;
}

void Affinity::unlink_from_idle(std::uint32_t session) {
  const Session& s = sessions_[session];
  (s.older == none ? oldest_idle_ : sessions_[s.older].newer) = s.newer;
  (s.newer == none ? newest_idle_ : sessions_[s.newer].older) = s.older;
}

std::uint32_t Affinity::lose(WorkerId worker) {
  if (worker.index >= workers_.size()) return 0;
  OfWorker& of = workers_[worker.index];
  const std::uint32_t lost = of.count;
  for (std::uint32_t i = of.first; i != none; i = sessions_[i].behind) {
    ORDEAL_ASSERT(sessions_[i].worker == worker, "(26) a list of bindings is of one worker");
    sessions_[i].kind = Kind::orphan;
  }
  bindings_ -= lost;
  orphans_ += lost;
  of = {};
  return lost;
}

bool Affinity::forget(std::uint32_t session) {
  if (is_in_use(session)) return false;
  if (is_known(session)) (void)drop(session);
  return true;
}

Affinity::Forgotten Affinity::drop(std::uint32_t session) {
  Session& s = sessions_[session];
  const bool bound = s.kind == Kind::bound;
  unlink_from_idle(session);
  bound ? unlink_from_worker(session) : void(--orphans_);
  const Forgotten forgotten{session, bound ? s.worker : WorkerId{}};
  s = Session{};
  return forgotten;
}

std::optional<Affinity::Forgotten> Affinity::pop_expired(Instant now) {
  if (next_expiry() > now) return std::nullopt;
  return drop(oldest_idle_);
}

std::optional<Affinity::Forgotten> Affinity::pop_excess() {
  if (bindings_ + orphans_ <= known_max_ || oldest_idle_ == none) return std::nullopt;
  return drop(oldest_idle_);
}

Instant Affinity::next_expiry() const {
  return oldest_idle_ == none ? never : after(sessions_[oldest_idle_].used_at, timeout_);
}

bool Affinity::is_known(std::uint32_t session) const {
  return session < sessions_.size() &&
         (sessions_[session].users > 0 || sessions_[session].kind != Kind::unknown);
}

bool Affinity::is_in_use(std::uint32_t session) const {
  return session < sessions_.size() && sessions_[session].users > 0;
}

std::uint32_t Affinity::bindings_of(WorkerId worker) const {
  return worker.index < workers_.size() ? workers_[worker.index].count : 0;
}

const char* Affinity::broken_invariant() const {
  std::uint32_t bound = 0;
  std::uint32_t orphans = 0;
  std::uint32_t idle = 0;
  for (const Session& s : sessions_) {
    bound += s.kind == Kind::bound;
    orphans += s.kind == Kind::orphan;
    idle += s.kind != Kind::unknown && s.users == 0;
  }
  if (bound != bindings_ || orphans != orphans_) return "(29) the count of bindings is wrong";
  for (std::uint32_t index = 0; index < workers_.size(); ++index) {
    std::uint32_t count = 0;
    for (std::uint32_t i = workers_[index].first; i != none; i = sessions_[i].behind) {
      if (sessions_[i].kind != Kind::bound || sessions_[i].worker.index != index) {
        return "(25) a worker's list has a session that is not bound to it";
      }
      ++count;
    }
    if (count != workers_[index].count) return "(29) a worker's bindings are counted wrongly";
    bound -= count;
  }
  if (bound != 0) return "(29) a binding is in no worker's list";
  Instant used_at = Instant::min();
  for (std::uint32_t i = oldest_idle_; i != none; i = sessions_[i].newer) {
    const Session& s = sessions_[i];
    if (s.users > 0 || s.kind == Kind::unknown || s.used_at < used_at) {
      return "(27) the idle sessions stand in order of their last use";
    }
    used_at = s.used_at;
    --idle;
  }
  return idle == 0 ? nullptr : "(27) an idle session is not in the list of those";
}

}  // namespace ordeal::pool::core

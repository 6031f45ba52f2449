// The public face: thin handles on the engine.
#include "ordeal/pool/pool.hpp"

#include <nlohmann/json.hpp>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/lease_state.hpp"
#include "pool/runtime/sessions.hpp"

namespace ordeal::pool {
namespace {

// Keys and strings that are not UTF-8 cannot be written as JSON: the caller's mistake.
Result<std::string> encode(const nlohmann::json& arguments) {
  try {
    return arguments.dump();
  } catch (const nlohmann::json::exception& error) {
    return tl::unexpected(make_error(ErrorCode::unencodable_arguments, error.what()));
  }
}

// nlohmann's own tree builder, but for one thing: an integer beyond 64 bits would silently become a
// double there.
class ExactReader : public nlohmann::detail::json_sax_dom_parser<nlohmann::json> {
 public:
  explicit ExactReader(nlohmann::json& into) : json_sax_dom_parser(into) {}
  bool number_float(double value, const std::string& text) {
    if (text.find_first_of(".eE") == std::string::npos) {
      too_long = text;
      return false;
    }
    return json_sax_dom_parser::number_float(value, text);
  }
  std::string too_long;
};

}  // namespace

Result<nlohmann::json> Reply::json() const {
  try {
    nlohmann::json value;
    ExactReader reader{value};
    nlohmann::json::sax_parse(result_text, &reader);
    if (!reader.too_long.empty()) {
      return tl::unexpected(make_error(
          ErrorCode::unrepresentable_value,
          "the result's integer " + reader.too_long.substr(0, 40) + " does not fit into 64 bits"));
    }
    return value;
  } catch (const nlohmann::json::exception& error) {
    return tl::unexpected(make_error(ErrorCode::unrepresentable_value, error.what()));
  }
}

void Ticket::cancel() const {
  if (in_session_) {
    in_session_->stop.request_stop();
    return;
  }
  if (const auto engine = engine_.lock()) engine->cancel({.index = index_, .serial = serial_});
}

std::uint64_t Ticket::id() const {
  return in_session_ ? in_session_->serial.load(std::memory_order_relaxed) : serial_;
}

Lease::Lease(std::unique_ptr<runtime::LeaseState> state) : state_(std::move(state)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
  }
  return *this;
}
Lease::~Lease() { release(); }

Result<Reply> Lease::call(std::string_view command, JsonText arguments,
                          const CallOptions& options) {
  const auto engine = state_ ? state_->engine.lock() : nullptr;
  if (!engine || state_->slot == nullptr) {
    return tl::unexpected(make_error(ErrorCode::pool_stopping, "the lease was given back"));
  }
  const std::string_view session =
      state_->session.empty() ? options.session : std::string_view{state_->session};
  if (session.empty()) return engine->call_on_lease(*state_, command, arguments, options);
  const auto sessions = state_->sessions.lock();
  if (!sessions) {
    return tl::unexpected(make_error(ErrorCode::pool_stopping, "the lease's pool is gone"));
  }
  return sessions->call_on_lease(*state_, session, command, arguments, options);
}

Result<Reply> Lease::call(std::string_view command, const nlohmann::json& arguments,
                          const CallOptions& options) {
  const Result<std::string> text = encode(arguments);
  if (!text) return tl::unexpected(text.error());
  return call(command, JsonText{*text}, options);
}

std::uint64_t Lease::worker() const { return state_ ? state_->worker : 0; }

void Lease::release() {
  if (!state_) return;
  if (const auto engine = state_->engine.lock()) engine->release_lease(*state_);
  state_.reset();
}

Pool::Pool(std::shared_ptr<runtime::Engine> engine, std::shared_ptr<runtime::Sessions> sessions)
    : engine_(std::move(engine)), sessions_(std::move(sessions)) {}
Pool::Pool(Pool&&) noexcept = default;
Pool& Pool::operator=(Pool&& other) noexcept {
  if (this != &other) {
    Pool gone{std::move(*this)};
    engine_ = std::move(other.engine_);
    sessions_ = std::move(other.sessions_);
  }
  return *this;
}

Pool::~Pool() {
  if (!engine_) return;
  if (engine_->is_forked_copy()) {
    // Threads, lock, workers and the store's file belong to the parent: leave all of it alone.
    new std::shared_ptr<runtime::Sessions>(std::move(sessions_));
    new std::shared_ptr<runtime::Engine>(std::move(engine_));
    return;
  }
  (void)stop(engine_->options().stop_grace);
  sessions_->close();  // what its calls do after the workers' answers needs the callback thread
  engine_->retire(std::chrono::milliseconds{0});
}

Result<Pool> Pool::start(Options options, std::vector<Sink> sinks) {
  if (auto valid = validate(options); !valid) return tl::unexpected(valid.error());
  // Before the workers: a store that cannot be opened is told at once.
  auto store = runtime::Sessions::open_store(options);
  if (!store) return tl::unexpected(store.error());
  auto engine = runtime::Engine::start(std::move(options), std::move(sinks));
  if (!engine) return tl::unexpected(engine.error());
  auto sessions = std::make_shared<runtime::Sessions>(*engine, std::move(*store));
  return Pool{std::move(*engine), std::move(sessions)};
}

Result<Reply> Pool::call(std::string_view command, JsonText arguments, const CallOptions& options) {
  if (!options.session.empty()) {
    return sessions_->call(options.session, command, arguments, options);
  }
  if (runtime::reaches_all_workers(command)) {
    return engine_->configure(command, arguments, options);
  }
  return engine_->call(command, arguments, options);
}

Result<Reply> Pool::call(std::string_view command, const nlohmann::json& arguments,
                         const CallOptions& options) {
  const Result<std::string> text = encode(arguments);
  if (!text) return tl::unexpected(text.error());
  return call(command, JsonText{*text}, options);
}

Result<Ticket> Pool::call_async(std::string_view command, JsonText arguments,
                                const CallOptions& options, Callback callback) {
  if (!options.session.empty()) {
    auto ticket =
        sessions_->call_async(options.session, command, arguments, options, std::move(callback));
    if (!ticket) return tl::unexpected(std::move(ticket.error()));
    return Ticket{std::move(*ticket)};
  }
  const auto id = runtime::reaches_all_workers(command)
                      ? engine_->configure_async(command, arguments, options, std::move(callback))
                      : engine_->call_async(command, arguments, options, std::move(callback));
  if (!id) return tl::unexpected(id.error());
  return Ticket{engine_, id->index, id->serial};
}

Result<Lease> Pool::checkout(const CallOptions& options, Place place) {
  auto state = options.session.empty() ? engine_->checkout(options, place)
                                       : sessions_->checkout(options.session, options, place);
  if (!state) return tl::unexpected(state.error());
  (*state)->sessions = sessions_;
  return Lease{std::move(*state)};
}

Breaker Pool::breaker(std::string key) const { return Breaker{engine_, std::move(key)}; }
Status Pool::status() const { return engine_->status(); }
const Options& Pool::options() const { return engine_->options(); }
Result<void> Pool::stop(std::chrono::milliseconds grace) {
  auto stopped = engine_->stop(grace);
  if (stopped) sessions_->drain();
  return stopped;
}
Subscription Pool::subscribe(Sink sink) { return engine_->subscribe(std::move(sink)); }

}  // namespace ordeal::pool

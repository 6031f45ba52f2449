// The public face: ordeal/pool/metrics.hpp.
#include "ordeal/pool/metrics.hpp"

#include <utility>

#include "pool/observe/metrics/event_metrics.hpp"
#include "pool/observe/metrics/exposition.hpp"
#include "pool/observe/metrics/http_server.hpp"

namespace ordeal::pool {

Metrics::Metrics(std::string pool_name)
    : pool_name_(std::move(pool_name)), events_(std::make_shared<observe::EventMetrics>()) {}
Metrics::~Metrics() = default;

Sink Metrics::sink() const {
  return [events = events_](const PoolEvent& event) { events->note(event); };
}

std::string Metrics::text(const Status& status) const {
  return observe::exposition(pool_name_, status, *events_);
}

MetricsServer::MetricsServer(std::unique_ptr<observe::HttpServer> server)
    : server_(std::move(server)) {}
MetricsServer::MetricsServer(MetricsServer&&) noexcept = default;
MetricsServer& MetricsServer::operator=(MetricsServer&&) noexcept = default;
MetricsServer::~MetricsServer() = default;

Result<MetricsServer> MetricsServer::start(std::string_view address,
                                           std::function<std::string()> text, Reach reach) {
  const auto parsed = observe::listen_address(address, reach == Reach::anywhere);
  if (!parsed) return tl::unexpected(parsed.error());
  auto server = observe::HttpServer::start(*parsed, std::move(text));
  if (!server) return tl::unexpected(std::move(server.error()));
  return MetricsServer{std::move(*server)};
}

const std::string& MetricsServer::address() const { return server_->address(); }

}  // namespace ordeal::pool

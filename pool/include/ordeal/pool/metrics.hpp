// A pool's events and status as Prometheus metrics, and the endpoint that serves them.
//
//     Metrics metrics{"night"};                                   // label pool="night" on each
//     auto pool = Pool::start(options, {metrics.sink()});
//     auto server = MetricsServer::start("127.0.0.1:9464",
//                                        [&] { return metrics.text(pool->status()); });
//     // GET http://127.0.0.1:9464/metrics until `server` is destroyed; do so before `pool` is
//
// In a library of its own (ordeal_pool_metrics), so that who does not want it links neither
// prometheus-cpp nor Boost. Whoever has an HTTP server of their own needs no MetricsServer.
//
// Names, units and buckets follow Prometheus' conventions; pool/observe/README.md lists them. What
// Status counts comes from Status and is exact; what only events tell (codes, reasons, durations)
// comes from events, so it trails by what the callback thread has not delivered yet, and misses
// what ordeal_pool_events_dropped_total counts. Of a caller's words labels hold the commands alone:
// else their values are names of codes, states and reasons, bounded for each metric besides.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/events.hpp"
#include "ordeal/pool/status.hpp"

namespace ordeal::pool {

namespace observe {
class EventMetrics;
class HttpServer;
}  // namespace observe

// Thread-safe: the sink runs on the pool's callback thread, text() on any.
class Metrics {
 public:
  explicit Metrics(std::string pool_name);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // For one pool, and one sink of it. May outlive this object.
  [[nodiscard]] Sink sink() const;
  // The exposition, Prometheus' text format 0.0.4.
  [[nodiscard]] std::string text(const Status& status) const;

 private:
  const std::string pool_name_;
  std::shared_ptr<observe::EventMetrics> events_;
};

// An HTTP endpoint: GET and HEAD of /metrics, nothing else; one answer a connection. One thread,
// all signals blocked. Bounded: 16 connections at once, 8 KiB of request, 5 seconds each.
// A guest like the pool: changes no signal disposition, survives clients that go away.
class MetricsServer {
 public:
  enum class Reach : std::uint8_t {
    loopback,  // 127.0.0.0/8, [::1] and localhost; anything else is refused
    anywhere,  // there is neither encryption nor a password: know who can reach it
  };

  // `address` is HOST:PORT, the host a number ([...] around IPv6) or `localhost`; port 0: any.
  // `text` is called on the server's thread for each scrape, not after the destructor has begun; if
  // it throws, that scrape is answered with status 500.
  // Errors: invalid_option, with the address and what is wrong with it, also if it is in use.
  [[nodiscard]] static Result<MetricsServer> start(std::string_view address,
                                                   std::function<std::string()> text,
                                                   Reach reach = Reach::loopback);
  MetricsServer(MetricsServer&&) noexcept;
  MetricsServer& operator=(MetricsServer&&) noexcept;
  ~MetricsServer();  // waits for a scrape that is being made up, not for clients

  // "127.0.0.1:43127": with the port that was chosen.
  [[nodiscard]] const std::string& address() const;

 private:
  explicit MetricsServer(std::unique_ptr<observe::HttpServer> server);
  std::unique_ptr<observe::HttpServer> server_;
};

}  // namespace ordeal::pool

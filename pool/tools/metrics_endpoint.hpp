// `run --metrics`: the run's Prometheus endpoint, there from before the pool's start.
//
// Until show(), the numbers of Status are zero; what events tell is there already.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "ordeal/pool/metrics.hpp"
#include "ordeal/pool/pool.hpp"

namespace ordeal::pool::tools {

class MetricsEndpoint {
 public:
  // Errors: as MetricsServer::start.
  [[nodiscard]] static Result<std::unique_ptr<MetricsEndpoint>> open(const std::string& address,
                                                                     MetricsServer::Reach reach,
                                                                     const std::string& pool_name) {
    std::unique_ptr<MetricsEndpoint> made{new MetricsEndpoint{pool_name}};
    auto server = MetricsServer::start(
        address, [raw = made.get()] { return raw->text(); }, reach);
    if (!server) return tl::unexpected(std::move(server.error()));
    made->server_ = std::make_unique<MetricsServer>(std::move(*server));
    return made;
  }

  [[nodiscard]] Sink sink() const { return metrics_.sink(); }
  // REQUIRES: the pool outlives this.
  void show(const Pool& pool) { pool_.store(&pool); }
  [[nodiscard]] std::string url() const { return "http://" + server_->address() + "/metrics"; }

 private:
  explicit MetricsEndpoint(const std::string& pool_name) : metrics_(pool_name) {}
  [[nodiscard]] std::string text() const {
    const Pool* pool = pool_.load();
    return metrics_.text(pool == nullptr ? Status{} : pool->status());
  }

  Metrics metrics_;
  std::atomic<const Pool*> pool_{nullptr};
  std::unique_ptr<MetricsServer> server_;  // the last: ends before what it reads
};

}  // namespace ordeal::pool::tools

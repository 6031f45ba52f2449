// A client for the metrics endpoint, for tests: one request on one connection, as bytes.
#pragma once

#include <string>
#include <string_view>

namespace ordeal::pool::observe {

// A connected socket; "127.0.0.1:4711". -1 if nobody listens.
[[nodiscard]] int connect_to_endpoint(const std::string& address);
// Sends it and reads until the other end closes. Closes `socket`.
[[nodiscard]] std::string exchange_bytes(int socket, std::string_view request);
// The whole answer to "METHOD TARGET".
[[nodiscard]] std::string http(const std::string& address, std::string_view method,
                               std::string_view target);
// The body of GET /metrics.
[[nodiscard]] std::string scrape(const std::string& address);

}  // namespace ordeal::pool::observe

// One page over HTTP, by Boost.Beast. (Not by prometheus-cpp's own exposer: civetweb, behind it,
// sets the process's SIGPIPE to "ignore" and takes two seconds to stop; tried.)
//
// The one file that includes Beast is http_server.cpp: it takes long to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::observe {

struct ListenAddress {
  std::string text;  // as given
  std::string host;  // a number, without brackets
  std::uint16_t port = 0;
};

// "127.0.0.1:9464", "[::1]:0", "localhost:9464". Errors: invalid_option; also for what is not
// loopback, unless `anywhere`.
[[nodiscard]] Result<ListenAddress> listen_address(std::string_view text, bool anywhere);

// See MetricsServer, whose body it is.
class HttpServer {
 public:
  static constexpr std::size_t connections_max = 16;
  static constexpr std::size_t request_bytes_max = 8192;

  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const ListenAddress& address,
                                                                 std::function<std::string()> text);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  class Loop;
  HttpServer(std::unique_ptr<Loop> loop, std::string address);
  std::unique_ptr<Loop> loop_;
  std::string address_;
};

}  // namespace ordeal::pool::observe

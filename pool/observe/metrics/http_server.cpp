#include "pool/observe/metrics/http_server.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "pool/runtime/callback_thread.hpp"

namespace ordeal::pool::observe {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds client_patience{5};
constexpr std::chrono::milliseconds accept_pause{200};
constexpr std::string_view page = "/metrics";
constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Response answer(const Request& request, const std::function<std::string()>& text) {
  Response response{http::status::ok, 11};
  response.keep_alive(false);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  const std::string_view target{request.target().data(), request.target().size()};
  if (target.substr(0, target.find('?')) != page) {
    response.result(http::status::not_found);
    response.body() = "only /metrics is here\n";
  } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
    response.body() = "only GET and HEAD\n";
  } else {
    try {
      response.body() = text();
      response.set(http::field::content_type, content_type);
    } catch (...) {
      response.result(http::status::internal_server_error);
      response.body() = "the metrics could not be made\n";
    }
  }
  response.prepare_payload();
  // The length is told, the body is not sent.
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

// One client: a request, an answer, the end. Keeps itself alive by its handlers.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const std::function<std::string()>& text,
             std::function<void()> gone)
      : stream_(std::move(socket)), text_(text), gone_(std::move(gone)) {
    parser_.header_limit(HttpServer::request_bytes_max);
    parser_.body_limit(HttpServer::request_bytes_max);
  }
  ~Connection() { gone_(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void begin() {
    stream_.expires_after(client_patience);
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (!error) self->reply();
                            });
  }

 private:
  void reply() {
    response_ = answer(parser_.get(), text_);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (!error) self->linger();
                      });
  }

  // Until the client has read it all and closes: closing with its unread bytes in our buffer would
  // reset the connection, and it might lose the answer's end.
  void linger() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(HttpServer::request_bytes_max),
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (!error) self->linger();
                            });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{HttpServer::request_bytes_max};
  http::request_parser<http::empty_body> parser_;
  Response response_;
  const std::function<std::string()>& text_;
  const std::function<void()> gone_;
};

tl::unexpected<Error> refuse(std::string_view address, std::string_view reason) {
  return tl::unexpected(make_error(ErrorCode::invalid_option,
                                   fmt::format("metrics address {}: {}", address, reason)));
}

}  // namespace

class HttpServer::Loop {
 public:
  explicit Loop(std::function<std::string()> text) : text_(std::move(text)) {}
  ~Loop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void listen(const tcp::endpoint& endpoint) {
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address{true});
    acceptor_.bind(endpoint);
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
  }
  void run() {
    accept();
    thread_ = runtime::start_quiet_thread("ordeal-metrics", [this] { context_.run(); });
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void accept() {
    accepting_ = true;
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      accepting_ = false;
      if (!error) {
        ++connections_;
        std::make_shared<Connection>(std::move(socket), text_, [this] { on_gone(); })->begin();
      }
      if (error) return accept_later();
      if (connections_ < connections_max) accept();
    });
  }
  // Most likely there are no descriptors left: asking again at once would be a hot loop.
  void accept_later() {
    accepting_ = true;
    pause_.expires_after(accept_pause);
    pause_.async_wait([this](error_code) { accept(); });
  }
  void on_gone() {
    --connections_;
    if (!accepting_ && !context_.stopped()) accept();
  }

  const std::function<std::string()> text_;
  std::size_t connections_ = 0;
  bool accepting_ = false;
  std::uint16_t port_ = 0;
  asio::io_context context_{1};  // its handlers refer to all above
  tcp::acceptor acceptor_{context_};
  asio::steady_timer pause_{context_};
  std::thread thread_;
};

Result<ListenAddress> listen_address(std::string_view text, bool anywhere) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse(text, "write HOST:PORT");
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  ListenAddress address{.text = std::string{text}, .host = {}, .port = 0};
  const auto [end, wrong] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), address.port);
  if (port_text.empty() || wrong != std::errc{} || end != port_text.data() + port_text.size()) {
    return refuse(text, fmt::format("port \"{}\" is not a number from 0 to 65535", port_text));
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  address.host = host == "localhost" ? "127.0.0.1" : std::string{host};
  error_code error;
  const asio::ip::address number = asio::ip::make_address(address.host, error);
  if (error || number.is_v6() != bracketed) {
    return refuse(text, fmt::format("host \"{}\" is not an address in numbers ([...] around IPv6) "
                                    "nor localhost",
                                    host));
  }
  if (!anywhere && !number.is_loopback()) {
    return refuse(text, fmt::format("{} is not a loopback address, others could read the metrics; "
                                    "allowed 127.0.0.0/8, [::1] and localhost, unless made public",
                                    host));
  }
  return address;
}

HttpServer::HttpServer(std::unique_ptr<Loop> loop, std::string address)
    : loop_(std::move(loop)), address_(std::move(address)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ListenAddress& address,
                                                      std::function<std::string()> text) {
  try {
    auto loop = std::make_unique<Loop>(std::move(text));
    const asio::ip::address host = asio::ip::make_address(address.host);
    loop->listen({host, address.port});
    loop->run();
    const std::string shown =
        fmt::format(fmt::runtime(host.is_v6() ? "[{}]:{}" : "{}:{}"), address.host, loop->port());
    return std::unique_ptr<HttpServer>{new HttpServer{std::move(loop), shown}};
  } catch (const boost::system::system_error& error) {
    return refuse(address.text, error.code().message());
  } catch (const std::exception& error) {
    return refuse(address.text, error.what());
  }
}

}  // namespace ordeal::pool::observe

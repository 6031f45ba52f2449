// The endpoint as a server and as a guest: what it answers, whom it refuses, and that it leaves its
// host's signals and time alone. The leak check of this program sees threads, sockets, descriptors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "ordeal/pool/metrics.hpp"
#include "pool/observe/metrics/http_server.hpp"
#include "pool/observe/tests/scrape.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::observe {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

MetricsServer must_serve(std::function<std::string()> text) {
  auto server = MetricsServer::start("127.0.0.1:0", std::move(text));
  if (!server) throw std::runtime_error{server.error().message};
  return std::move(*server);
}

MetricsServer hello() {
  return must_serve([] { return std::string{"hello 1\n"}; });
}

std::string refusal(std::string_view address,
                    MetricsServer::Reach reach = MetricsServer::Reach::loopback) {
  const auto server = MetricsServer::start(
      address, [] { return std::string{}; }, reach);
  if (server) return "accepted";
  EXPECT_EQ(server.error().code, ErrorCode::invalid_option);
  return server.error().message;
}

TEST(MetricsServer, ServesItsOnePage) {
  const MetricsServer server = hello();
  const std::string answer = http(server.address(), "GET", "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello 1\n"));
  EXPECT_THAT(http(server.address(), "GET", "/metrics?name=x"), EndsWith("hello 1\n"));
}

TEST(MetricsServer, AnswersHeadWithoutABody) {
  const MetricsServer server = hello();
  const std::string answer = http(server.address(), "HEAD", "/metrics");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(MetricsServer, HasNothingElse) {
  const MetricsServer server = hello();
  EXPECT_THAT(http(server.address(), "GET", "/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(http(server.address(), "GET", "/metricsx"), StartsWith("HTTP/1.1 404 "));
  const std::string post = http(server.address(), "POST", "/metrics");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(post, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST(MetricsServer, SurvivesARequestThatIsTooLongOrNoHttp) {
  const MetricsServer server = hello();
  const std::string long_target(HttpServer::request_bytes_max, 'x');
  EXPECT_THAT(http(server.address(), "GET", "/" + long_target), Not(HasSubstr("200")));
  EXPECT_EQ(exchange_bytes(connect_to_endpoint(server.address()), "\r\n\0\xff\r\n\r\n"), "");
  EXPECT_EQ(scrape(server.address()), "hello 1\n");
}

TEST(MetricsServer, AScrapeThatThrowsIsAnsweredSo) {
  cites(48);
  int calls = 0;
  const MetricsServer server = must_serve([&]() -> std::string {
    if (++calls == 1) throw std::runtime_error{"secret"};
    return "well 1\n";
  });
  const std::string answer = http(server.address(), "GET", "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, Not(HasSubstr("secret")));
  EXPECT_EQ(scrape(server.address()), "well 1\n");
}

TEST(MetricsServer, RefusesWhatIsNotLoopbackUnlessTold) {
  EXPECT_EQ(refusal("0.0.0.0:0"),
            "metrics address 0.0.0.0:0: 0.0.0.0 is not a loopback address, others could read the "
            "metrics; allowed 127.0.0.0/8, [::1] and localhost, unless made public");
  EXPECT_THAT(refusal("[::]:0"), HasSubstr(":: is not a loopback address"));
  EXPECT_THAT(refusal("192.0.2.1:0"), HasSubstr("192.0.2.1 is not a loopback address"));
  EXPECT_EQ(refusal("0.0.0.0:0", MetricsServer::Reach::anywhere), "accepted");
  EXPECT_EQ(refusal("127.9.8.7:0"), "accepted");
  EXPECT_EQ(refusal("localhost:0"), "accepted");
}

TEST(MetricsServer, RefusesAddressesThatAreNone) {
  EXPECT_EQ(refusal("9464"), "metrics address 9464: write HOST:PORT");
  EXPECT_EQ(refusal("127.0.0.1:"),
            "metrics address 127.0.0.1:: port \"\" is not a number from 0 to 65535");
  EXPECT_THAT(refusal("127.0.0.1:65536"), HasSubstr("port \"65536\" is not a number"));
  EXPECT_THAT(refusal("127.0.0.1:-1"), HasSubstr("port \"-1\" is not a number"));
  EXPECT_THAT(refusal("example.org:80"), HasSubstr("host \"example.org\" is not an address"));
  EXPECT_THAT(refusal("::1:80"), HasSubstr("is not an address in numbers ([...] around IPv6)"));
  EXPECT_THAT(refusal(":80"), HasSubstr("host \"\" is not an address"));
}

TEST(MetricsServer, SaysThatAPortIsInUse) {
  const MetricsServer server = hello();
  EXPECT_EQ(refusal(server.address()),
            "metrics address " + server.address() + ": Address already in use");
}

// "SigBlk" of the thread with that name.
std::string blocked_signals(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream status{task.path() / "status"};
    std::string line;
    bool found = false;
    while (std::getline(status, line)) {
      if (line == "Name:\t" + name) found = true;
      if (found && line.starts_with("SigBlk:")) return line.substr(8);
    }
  }
  return "no such thread";
}

TEST(MetricsServer, IsAGuest) {
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &before), 0);
  const MetricsServer server = hello();
  EXPECT_EQ(scrape(server.address()), "hello 1\n");
  struct sigaction now {};
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &now), 0);
  EXPECT_EQ(before.sa_handler, now.sa_handler);
  // All but SIGKILL, SIGSTOP and the two that glibc keeps for itself.
  EXPECT_EQ(blocked_signals("ordeal-metrics"), "fffffffe7ffbfeff");
}

TEST(MetricsServer, SurvivesAClientThatGoesAwayBeforeItReads) {
  const MetricsServer server = must_serve([] { return std::string(8 << 20, 'x'); });
  for (int i = 0; i < 4; ++i) {
    const int socket = connect_to_endpoint(server.address());
    ASSERT_GE(socket, 0);
    constexpr std::string_view scrape_it = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_GT(::write(socket, scrape_it.data(), scrape_it.size()), 0);
    ::close(socket);
  }
  EXPECT_EQ(scrape(server.address()).size(), 8U << 20U);
}

TEST(MetricsServer, EndsWithoutWaitingForClientsThatSayNothing) {
  std::vector<int> sockets;
  const auto begun = std::chrono::steady_clock::now();
  {
    const MetricsServer server = hello();
    for (std::size_t i = 0; i < HttpServer::connections_max + 4; ++i) {
      sockets.push_back(connect_to_endpoint(server.address()));
      ASSERT_GE(sockets.back(), 0);
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{4});
  for (const int socket : sockets) ::close(socket);
}

TEST(MetricsServer, ServesAgainAsSoonAsOneOfTooManyGoes) {
  const MetricsServer server = hello();
  std::vector<int> sockets;
  for (std::size_t i = 0; i < HttpServer::connections_max; ++i) {
    sockets.push_back(connect_to_endpoint(server.address()));
    ASSERT_GE(sockets.back(), 0);
  }
  ::close(sockets.back());
  sockets.pop_back();
  EXPECT_EQ(scrape(server.address()), "hello 1\n");
  for (const int socket : sockets) ::close(socket);
}

}  // namespace
}  // namespace ordeal::pool::observe

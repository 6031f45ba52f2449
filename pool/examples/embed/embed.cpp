// A service that embeds the pool: calls with a deadline, tells the three outcomes apart, keeps what
// belongs together in a session, and stops in order. Prints what it got; exit code 0 if all went
// as it should.
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <ordeal/pool/pool.hpp>
#include <ordeal/pool/session.hpp>
#include <ordeal/pool/version.hpp>
#include <string>

using namespace std::chrono_literals;
namespace op = ordeal::pool;

namespace {

// Three outcomes: it is done; it did not happen, so that trying again is safe; nobody knows.
bool told(const char* what, const op::Result<op::Reply>& reply) {
  if (reply) {
    std::printf("%s: %s\n", what, reply->result_text.c_str());
    return true;
  }
  const bool happened_not = reply.error().certainty() == op::Certainty::failed;
  std::printf("%s: %s (%s)\n", what, reply.error().message.c_str(),
              happened_not ? "it did not happen" : "it may have happened");
  return false;
}

}  // namespace

int main() {
  std::printf("ordeal %s\n", std::string(op::version()).c_str());

  op::Options options;
  options.command = {"python3", BRIDGE};
  options.environment["PYTHONPATH"] = WORKER_KIT;
  options.size = 2;
  auto pool = op::Pool::start(options);
  if (!pool) {
    std::printf("the pool did not start: %s\n", pool.error().message.c_str());
    return 1;
  }

  const bool greeted = told("greet", pool->call("greet", {{"name", "Ada"}}, {.deadline = 5s}));
  const bool refused = !told("greet nobody", pool->call("greet", nlohmann::json::object()));

  op::Session session = pool->session("user-7");
  const bool in_session = told("in a session", session.call("greet", {{"name", "Grace"}}));
  const auto counted = session.update([](nlohmann::json& data) { data["greeted"] = 1; });
  if (counted) std::printf("the session holds %s\n", counted->dump().c_str());

  const bool stopped = pool->stop(1s).has_value();
  return greeted && refused && in_session && counted && stopped ? 0 : 1;
}

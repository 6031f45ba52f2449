// A host with durable sessions, to be killed at any instant. Each line says what was acknowledged
// before it was written. Never ends by itself. Run by session_durability_test.
//
//   pool_session_host_for_test DATABASE SESSION         lines: "ready", "program N", "data N"
#include <unistd.h>

#include <string>

#include "pool/runtime/tests/session_support.hpp"

namespace {

void say(const std::string& line) {
  const std::string whole = line + "\n";
  if (write(STDOUT_FILENO, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) {
    _exit(74);
  }
}

}  // namespace

int main(int count, char** arguments) {
  using namespace ordeal::pool;
  if (count != 3) return 64;
  Options options = session_options(2);
  options.environment["ORDEAL_TEST_ID"] = std::getenv("ORDEAL_TEST_ID");
  options.affinity = AffinityPolicy::strict;
  options.session_store = std::string{"sqlite:"} + arguments[1];
  Pool pool = must_start(options);
  Session session = pool.session(arguments[2]);
  say("ready");
  for (int i = 0;; ++i) {
    const std::string id = "p" + std::to_string(i);
    const auto created = session.call("create_program", program_named(id, "answer_" + id), {});
    if (!created) return 1;
    say("program " + std::to_string(i));
    const auto updated = session.update([&](Json& data) { data["n"] = i; });
    if (!updated) return 2;
    say("data " + std::to_string(i));
  }
}

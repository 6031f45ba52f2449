// A host with a pool, to be killed at any instant: its workers are busy, hang with the GIL, refuse
// to die, have grandchildren, and are replaced all the time, so that any instant is also one
// between a spawn and its ready. Never ends by itself. Run by host_kill_test.
//
//   pool_host_for_test SEED MARKER        MARKER: value of ORDEAL_TEST_ID for all that it starts
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "pool/runtime/tests/support.hpp"

namespace {

using namespace ordeal::pool;

// Calls of every kind, each followed by the next when it ends; those that hang end by time-out.
void submit_next(Pool& pool, std::mt19937_64& random) {
  struct Kind {
    const char* command;
    const char* arguments;
  };
  static constexpr Kind kinds[] = {
      {"busy", R"({"ms":60000})"},
      {"hang", R"({"gil":true})"},
      {"hang", "{}"},
      {"refuse_to_die", "{}"},
      {"ignore_signals", "{}"},
      {"grandchildren", R"({"count":2,"ignore_term":true})"},
      {"grandchildren", R"({"count":1,"hold":"protocol","ignore_term":true})"},
      {"crash", R"({"signal":"SIGKILL"})"},
      {"echo", "{}"},
  };
  const Kind& kind = kinds[random() % std::size(kinds)];
  const auto next = [&pool, &random](const Result<Reply>&) { submit_next(pool, random); };
  // A refusal (no worker can be started) ends this chain; the others go on.
  (void)pool.call_async(kind.command, JsonText{kind.arguments},
                        {.deadline = milliseconds{30 + random() % 300}}, next);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 64;
  std::mt19937_64 random{std::strtoull(arguments[1], nullptr, 0)};
  Options options = mock_options(3);
  if (random() % 2 == 0) {
    options = forked(options);
    options.warm_spares = 2;
  }
  options.environment["ORDEAL_TEST_ID"] = arguments[2];
  options.await_ready = AwaitReady::none;
  options.start_failures_max = 1000;
  options.quarantine_grace = 20ms;
  Pool pool = must_start(options);
  for (int i = 0; i < 6; ++i) submit_next(pool, random);
  while (true) pause();
}

// A worker that takes long to leave is nobody else's trouble.
#include <algorithm>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

bool is_leaving(const Status& status, std::uint64_t worker) {
  return std::any_of(status.workers.begin(), status.workers.end(), [worker](const auto& w) {
    return w.worker == worker && w.state == "terminating";
  });
}

TEST(Leaving, OfAWorkerThatWillNotGoDelaysNoCallOfEitherKind) {
  cites_bug_class(18);
  Options options = mock_options(1);
  options.ask_grace = 60s;
  Pool pool = must_start(options);
  std::uint64_t stubborn = 0;
  {
    auto lease = pool.checkout({});
    ASSERT_TRUE(lease);
    const auto refused = lease->call("refuse_to_die", Json::object(), {});
    ASSERT_TRUE(refused);
    stubborn = refused->worker;
  }
  EXPECT_FALSE(pool.drain_worker(stubborn, 0ms));  // it goes on, and the other is started
  ASSERT_TRUE(wait_until(pool, [&](const Status& s) { return is_leaving(s, stubborn); }));
  const CallOptions in_time{.deadline = 5s};
  for (int i = 0; i < 20; ++i) {
    const auto reply = pool.call("echo", Json{{"i", i}}, in_time);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_NE(reply->worker, stubborn);
    Signal answered;
    bool good = false;
    const auto sent = pool.call_async("echo", JsonText{"{}"}, in_time, [&](Result<Reply> given) {
      good = given.has_value();
      answered.set();
    });
    ASSERT_TRUE(sent);
    ASSERT_TRUE(answered.wait());
    EXPECT_TRUE(good);
  }
  EXPECT_TRUE(is_leaving(pool.status(), stubborn)) << "all that while it was there";
  EXPECT_TRUE(pool.stop(0ms));
}

}  // namespace
}  // namespace ordeal::pool

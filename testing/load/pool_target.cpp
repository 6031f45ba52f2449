#include "testing/load/pool_answer.hpp"

namespace ordeal::trial {

Answer answer_of(pool::Error error) {
  Answer answer{.outcome = error.certainty() == pool::Certainty::failed ? Outcome::failed
                                                                        : Outcome::indeterminate,
                .code = std::string{pool::to_string(error.code)},
                .message = std::move(error.message),
                .worker = error.worker.value_or(0),
                .attempts = error.attempts};
  if (error.certificate) {
    answer.death = DeathSeen{.pid = error.certificate->pid,
                             .worker = error.certificate->worker,
                             .request_in_hand = error.certificate->request_in_hand};
  }
  return answer;
}

Answer answer_of(pool::Result<pool::Reply> reply) {
  if (!reply) return answer_of(std::move(reply.error()));
  return {.outcome = Outcome::ok,
          .reply_text = std::move(reply->result_text),
          .worker = reply->worker,
          .attempts = reply->attempts};
}

namespace {

class PoolTarget final : public LoadTarget {
 public:
  explicit PoolTarget(pool::Pool& pool) : pool_(pool) {}

  Answer call(std::string_view command, std::string_view arguments, TimePoint deadline) override {
    return answer_of(pool_.call(command, pool::JsonText{arguments}, {.deadline = deadline}));
  }

 private:
  pool::Pool& pool_;
};

}  // namespace

std::shared_ptr<LoadTarget> make_pool_target(pool::Pool& pool) {
  return std::make_shared<PoolTarget>(pool);
}

}  // namespace ordeal::trial

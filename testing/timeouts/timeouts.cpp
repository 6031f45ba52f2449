#include "testing/timeouts/timeouts.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "testing/leaks/leak_listener.hpp"
#include "testing/timeouts/timeout_judge.hpp"

namespace ordeal::trial {
namespace {

using pool::runtime::Duration;
using pool::runtime::Instant;

struct Book {
  std::mutex mutex;
  // Guarded by it:
  bool judged = false;  // tests are: until then, what is declared is not kept
  std::string test;
  std::vector<EndedWait> waits;
  Declared declared;
  std::vector<DeclaredWait> always;
  std::vector<std::function<bool()>> explainers;
  TimeoutCounts counts;
};

// Never destroyed: threads may wait until the program's end.
Book& book() {
  static Book& the_one = *new Book;
  return the_one;
}

std::string thread_name() {
  char name[16] = {};
  prctl(PR_GET_NAME, name);
  return name;
}

void note_timed_out(const pool::runtime::TimedOutWait& wait) {
  if (wait.deadline <= wait.began) return;  // a look: it has not waited
  const Instant ended = pool::runtime::now();
  std::string thread = thread_name();
  Book& all = book();
  const std::lock_guard lock{all.mutex};
  // Between two tests nobody is to be failed.
  if (all.test.empty()) return;
  all.waits.push_back({.thread_id = gettid(),
                       .thread = std::move(thread),
                       .began = wait.began,
                       .deadline = wait.deadline,
                       .ended = ended,
                       .test = all.test});
}

class TimeoutListener : public ::testing::EmptyTestEventListener {
 public:
  void OnTestStart(const ::testing::TestInfo& test) override {
    const std::lock_guard lock{book().mutex};
    book().test = std::string{test.test_suite_name()} + "." + test.name();
  }
};

// The leak check's listener is told of a test's end before this could be: it calls.
void judge_test() {
  Book& all = book();
  std::vector<std::function<bool()>> explainers;
  {
    const std::lock_guard lock{all.mutex};
    explainers = all.explainers;
  }
  bool is_all = true;
  for (const auto& explain : explainers) is_all = explain() && is_all;
  TimeoutVerdict verdict;
  {
    const std::lock_guard lock{all.mutex};
    all.test.clear();
    if (!is_all) return;
    Declared declared = std::exchange(all.declared, {});
    declared.waits.insert(declared.waits.end(), all.always.begin(), all.always.end());
    const std::vector<EndedWait> waits = std::exchange(all.waits, {});
    verdict = judge_timeouts(waits, declared);
    all.counts.seen += waits.size();
    all.counts.at_deadlines += verdict.at_deadlines;
    all.counts.declared_waits += verdict.declared_waits;
  }
  if (verdict.unexplained.empty()) return;
  ADD_FAILURE() << "waits that time ended, at deadlines that nobody declared (a look every so "
                   "often? wait for the event; or declare_deadline(), declare_wait()):"
                << describe(verdict.unexplained);
}

void judge_each_test() {
  {
    const std::lock_guard lock{book().mutex};
    if (std::exchange(book().judged, true)) return;
  }
  at_test_end(judge_test);
}

}  // namespace

void declare_deadline(Instant at) {
  const std::lock_guard lock{book().mutex};
  if (book().judged) book().declared.deadlines.insert(at);
}

void declare_wait(Duration length_max, std::string thread) {
  const std::lock_guard lock{book().mutex};
  if (!book().judged) return;
  book().declared.waits.push_back({.length_max = length_max, .thread = std::move(thread)});
}

void declare_unknown(Instant from) {
  const std::lock_guard lock{book().mutex};
  book().declared.unknown_from = std::min(book().declared.unknown_from, from);
}

void declare_wait_always(Duration length_max, std::string thread) {
  const std::lock_guard lock{book().mutex};
  book().always.push_back({.length_max = length_max, .thread = std::move(thread)});
}

void explain_timeouts_with(std::function<bool()> explainer) {
  judge_each_test();
  const std::lock_guard lock{book().mutex};
  book().explainers.push_back(std::move(explainer));
}

void install_timeout_check() {
  static bool installed = false;
  if (std::exchange(installed, true)) return;
  ::testing::UnitTest::GetInstance()->listeners().Append(new TimeoutListener);
  judge_each_test();
  pool::runtime::watch_timeouts(note_timed_out);
}

TimeoutCounts timeout_counts() {
  const std::lock_guard lock{book().mutex};
  return book().counts;
}

}  // namespace ordeal::trial

// Certificates, stderr tails, memory counters.
#include "pool/process/certificate.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "pool/process/stderr_tail.hpp"
#include "pool/process/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::process {
namespace {

using std::chrono::milliseconds;

const OomCounter::Instant noon{std::chrono::hours{12}};

class OomFile {
 public:
  OomFile() { ::close(::mkstemp(path_.data())); }
  OomFile(const OomFile&) = delete;
  OomFile& operator=(const OomFile&) = delete;
  ~OomFile() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }
  void set(std::uint64_t count) {
    std::ofstream(path_) << "low 0\noom 9\noom_kill " << count << "\noom_group_kill 7\n";
  }

 private:
  std::string path_ = ::testing::TempDir() + "ordeal_oom_XXXXXX";
};

TEST(OomCounter, ParsesBothVersionsAndVmstat) {
  EXPECT_EQ(parse_oom_kill("low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n"), 1U);
  EXPECT_EQ(parse_oom_kill("oom_kill_disable 0\nunder_oom 0\noom_kill 12\n"), 12U);
  EXPECT_EQ(parse_oom_kill("oom_kill 18446744073709551615"), 18446744073709551615U);
  EXPECT_EQ(parse_oom_kill(""), std::nullopt);
  EXPECT_EQ(parse_oom_kill("oom_kill_disable 0\n"), std::nullopt);
  EXPECT_EQ(parse_oom_kill("oom_kill x\n"), std::nullopt);
  EXPECT_EQ(parse_oom_kill("oom_kill 1x\n"), std::nullopt);
}

TEST(OomCounter, FindsTheCgroupsFile) {
  const std::string both = "9:name=systemd:/\n4:memory:/a/b\n1:cpu:/c\n0::/d/e\n";
  EXPECT_EQ(oom_file_of_cgroup(both, false), "/sys/fs/cgroup/d/e/memory.events");
  EXPECT_EQ(oom_file_of_cgroup(both, true), "/sys/fs/cgroup/memory/a/b/memory.oom_control");
  EXPECT_EQ(oom_file_of_cgroup("0::/\n", true), std::nullopt);
  EXPECT_EQ(oom_file_of_cgroup("nonsense\n\n", false), std::nullopt);
}

TEST(OomCounter, CanReadSomethingOnThisMachine) {
  const OomCounter counter;
  EXPECT_NE(counter.file(), "");
  EXPECT_TRUE(counter.read());
}

TEST(OomCounter, ExplainsAsManyDeathsAsTheKernelKilled) {
  OomFile file;
  file.set(5);
  OomCounter counter(file.path());
  EXPECT_FALSE(counter.claim(noon));
  file.set(7);
  EXPECT_TRUE(counter.claim(noon));
  EXPECT_TRUE(counter.claim(noon + OomCounter::leftover_life));
  EXPECT_FALSE(counter.claim(noon + OomCounter::leftover_life));
}

TEST(OomCounter, ForgetsWhatNobodyClaimed) {
  OomFile file;
  file.set(0);
  OomCounter counter(file.path());
  file.set(3);
  EXPECT_TRUE(counter.claim(noon));
  EXPECT_FALSE(counter.claim(noon + OomCounter::leftover_life + milliseconds{1}));
}

TEST(OomCounter, WithoutAFileKnowsNothing) {
  OomCounter counter("/no/such/file");
  EXPECT_EQ(counter.read(), std::nullopt);
  EXPECT_FALSE(counter.claim(noon));
}

[[nodiscard]] ExitStatus killed_by(int signal) {
  ExitStatus status;
  status.known = true;
  status.signal = signal;
  status.peak_rss_kib = 123;
  return status;
}

TEST(Certificate, HasAllThatWasKnown) {
  DeathFacts facts;
  facts.worker = 7;
  facts.pid = 812;
  facts.age = milliseconds{3200};
  facts.served = 41;
  facts.request_in_hand = 42;
  facts.before_ready = true;
  facts.kill_reason = "call_timeout";
  facts.stderr_tail = "Traceback";
  ExitStatus status = killed_by(SIGSEGV);
  status.core_dumped = true;
  const DeathCertificate certificate = make_certificate(status, facts, nullptr, noon);
  EXPECT_EQ(certificate.worker, 7U);
  EXPECT_EQ(certificate.pid, 812);
  EXPECT_TRUE(certificate.status_known);
  EXPECT_EQ(certificate.exit_code, std::nullopt);
  EXPECT_EQ(certificate.term_signal, SIGSEGV);
  EXPECT_TRUE(certificate.core_dumped);
  EXPECT_TRUE(certificate.killed_by_pool);
  EXPECT_EQ(certificate.kill_reason, "call_timeout");
  EXPECT_TRUE(certificate.before_ready);
  EXPECT_EQ(certificate.out_of_memory, OutOfMemory::no);
  EXPECT_EQ(certificate.peak_rss_kib, 123);
  EXPECT_EQ(certificate.age_ms, 3200);
  EXPECT_EQ(certificate.served, 41U);
  EXPECT_EQ(certificate.request_in_hand, 42U);
  EXPECT_EQ(certificate.stderr_tail, "Traceback");
}

TEST(Certificate, SuspectsMemoryOnlyForASigkillOfOthers) {
  cites_bug_class(3);
  OomFile file;
  file.set(0);
  OomCounter counter(file.path());
  file.set(1);
  DeathFacts ours;
  ours.kill_reason = "stop";
  EXPECT_EQ(make_certificate(killed_by(SIGKILL), ours, &counter, noon).out_of_memory,
            OutOfMemory::no);
  EXPECT_EQ(make_certificate(killed_by(SIGSEGV), {}, &counter, noon).out_of_memory,
            OutOfMemory::no);
  EXPECT_EQ(make_certificate(ExitStatus{}, {}, &counter, noon).out_of_memory, OutOfMemory::unknown)
      << "nobody knows how it died";
  EXPECT_EQ(make_certificate(killed_by(SIGKILL), {}, &counter, noon).out_of_memory,
            OutOfMemory::possible);
  EXPECT_EQ(make_certificate(killed_by(SIGKILL), {}, &counter, noon).out_of_memory,
            OutOfMemory::no);
}

TEST(Certificate, SaysThatMemoryIsUnknownWhereNoCounterCanBeRead) {
  cites_bug_class(3);
  OomCounter none{std::string{}};
  for (OomCounter* counter : {&none, static_cast<OomCounter*>(nullptr)}) {
    const DeathCertificate certificate = make_certificate(killed_by(SIGKILL), {}, counter, noon);
    EXPECT_EQ(certificate.out_of_memory, OutOfMemory::unknown);
    EXPECT_NE(certificate.summary().find("memory unknown"), std::string::npos);
  }
  EXPECT_EQ(make_certificate(killed_by(SIGTERM), {}, &none, noon).out_of_memory, OutOfMemory::no);
}

TEST(StderrTail, KeepsTheLastLines) {
  StderrTail tail({.bytes_max = 100, .lines_max = 2});
  tail.append("one\ntwo\nthr");
  EXPECT_EQ(tail.text(), "two\nthr");
  tail.append("ee\n");
  EXPECT_EQ(tail.text(), "two\nthree\n");
  tail.append("\n");
  EXPECT_EQ(tail.text(), "three\n\n");
  EXPECT_EQ(tail.bytes_seen(), 15U);
}

TEST(StderrTail, IsEmptyWithoutLinesOrBytes) {
  EXPECT_EQ(StderrTail().text(), "");
  StderrTail no_lines({.bytes_max = 100, .lines_max = 0});
  no_lines.append("text\n");
  EXPECT_EQ(no_lines.text(), "");
  StderrTail no_bytes({.bytes_max = 0, .lines_max = 9});
  no_bytes.append("text\n");
  EXPECT_EQ(no_bytes.text(), "");
}

TEST(StderrTail, CutsAtALineAtTheLimitAndOneBeyond) {
  cites_bug_class(14);
  StderrTail at_limit({.bytes_max = 8, .lines_max = 9});
  at_limit.append("abc\ndef\n");
  EXPECT_EQ(at_limit.text(), "abc\ndef\n");
  StderrTail beyond({.bytes_max = 8, .lines_max = 9});
  beyond.append("abcd\ndef\n");
  EXPECT_EQ(beyond.text(), "def\n");
}

TEST(StderrTail, ALineThatIsTooLongLosesItsBeginning) {
  StderrTail tail({.bytes_max = 4, .lines_max = 9});
  tail.append("0123456789");
  EXPECT_EQ(tail.text(), "6789");
  StderrTail utf8({.bytes_max = 4, .lines_max = 9});
  utf8.append("a\u20ac\u20ac");  // 3 bytes each: the cut falls inside of the first
  EXPECT_EQ(utf8.text(), "\u20ac");
}

// Whatever the pieces: the same as the last bytes of the whole, from a line's beginning.
TEST(StderrTail, DoesNotDependOnHowTheTextArrives) {
  cites_bug_class(14);
  std::string whole;
  for (int line = 0; line < 200; ++line) whole += fmt::format("line {}\n", line * line);
  for (std::size_t piece = 1; piece < 120; ++piece) {
    StderrTail tail({.bytes_max = 50, .lines_max = 1000});
    for (std::size_t at = 0; at < whole.size(); at += piece) tail.append(whole.substr(at, piece));
    EXPECT_EQ(tail.text(), "line 38416\nline 38809\nline 39204\nline 39601\n") << piece;
    EXPECT_LE(tail.since(0).size(), 100U) << "twice as much as is asked for, at most";
  }
}

class StderrDrain : public ProcessTest {};

TEST_F(StderrDrain, AFloodCostsATurnNoMoreThanItsBudget) {
  cites_bug_class(14);
  WorkerProcess worker = must_spawn(shell("while :; do echo flood; done >&2"));
  StderrTail tail({.bytes_max = 1000, .lines_max = 5});
  // One that is certainly there, and longer than the budget.
  auto full = make_pipe({.read_end_non_blocking = true});
  ASSERT_TRUE(full);
  write_all(full->write_end.get(), std::string(30'000, 'x'));
  EXPECT_EQ(StderrTail{}.drain(full->read_end.get(), 10'000), DrainOutcome::budget_spent);
  StderrTail counted;
  (void)counted.drain(full->read_end.get(), 7'000);
  EXPECT_EQ(counted.bytes_seen(), 7'000U);
  std::uint64_t before = 0;
  for (int turn = 0; turn < 50; ++turn) {
    ASSERT_TRUE(becomes_readable(worker.pipes().standard_error.get()));
    const DrainOutcome outcome = tail.drain(worker.pipes().standard_error.get(), 10'000);
    EXPECT_NE(outcome, DrainOutcome::closed);
    EXPECT_LE(tail.bytes_seen() - before, 10'000U);
    EXPECT_EQ(outcome == DrainOutcome::budget_spent, tail.bytes_seen() - before == 10'000U);
    before = tail.bytes_seen();
  }
  (void)worker.signal_group(SIGKILL);
  (void)must_reap(worker);
  while (tail.drain(worker.pipes().standard_error.get(), 4096) != DrainOutcome::closed) {
  }
  EXPECT_LE(tail.text().size(), 1000U);
  EXPECT_NE(tail.text().find("flood\nflood\n"), std::string::npos);
}

TEST_F(StderrDrain, AQuietWorkerCostsNothing) {
  WorkerProcess worker = must_spawn(shell("read gate; echo last words >&2; exit 1"));
  StderrTail tail;
  EXPECT_EQ(tail.drain(worker.pipes().standard_error.get(), 100), DrainOutcome::empty);
  write_all(worker.pipes().to_worker.get(), "\n");
  (void)must_reap(worker);
  EXPECT_EQ(tail.drain(worker.pipes().standard_error.get(), 100), DrainOutcome::closed);
  EXPECT_EQ(tail.text(), "last words\n");
  EXPECT_EQ(tail.drain(-1, 100), DrainOutcome::closed);
}

}  // namespace
}  // namespace ordeal::pool::process

#include "testing/leaks/leak_listener.hpp"

#include <gtest/gtest.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "testing/leaks/leak_check.hpp"

namespace ordeal::trial {
namespace {

namespace fs = std::filesystem;

// Ample for a SIGKILL that is on its way on a loaded machine; a clean test waits for nothing.
constexpr std::chrono::milliseconds standard_patience{2000};

std::chrono::milliseconds patience_from_environment() {
  const char* given = std::getenv("ORDEAL_LEAK_PATIENCE_MS");
  return given == nullptr ? standard_patience
                          : std::chrono::milliseconds{std::strtol(given, nullptr, 10)};
}

struct Identity {
  std::string id;
  std::string folder;
  pid_t process = 0;
};

Identity& identity() {
  static Identity the_one;
  return the_one;
}

std::vector<std::function<void()>>& hooks() {
  static std::vector<std::function<void()>> all;
  return all;
}

class LeakListener : public ::testing::EmptyTestEventListener {
 public:
  LeakListener()
      : watched_{.marker = std::string{test_id_variable} + "=" + identity().id,
                 .temp_folder = identity().folder} {}

  void OnTestSuiteStart(const ::testing::TestSuite&) override {
    before_suite_ = take_snapshot(watched_);
  }
  void OnTestStart(const ::testing::TestInfo&) override { before_test_ = take_snapshot(watched_); }
  void OnTestEnd(const ::testing::TestInfo& test) override {
    for (const auto& hook : hooks()) hook();
    complain(before_test_, std::string{"test "} + test.test_suite_name() + "." + test.name());
  }
  void OnTestSuiteEnd(const ::testing::TestSuite& suite) override {
    for (const auto& hook : hooks()) hook();
    complain(before_suite_, std::string{"suite "} + suite.name());
  }
  void OnTestProgramEnd(const ::testing::UnitTest&) override {
    std::error_code ignored;
    fs::remove_all(identity().folder, ignored);
  }

 private:
  void complain(const Snapshot& before, const std::string& who) const {
    const std::vector<Leak> leaks = leaks_since(before, watched_, patience_);
    if (leaks.empty()) return;
    std::string text = who + " leaves behind:";
    for (const Leak& leak : leaks) text += "\n  " + leak.what;
    clean_up(leaks);
    ADD_FAILURE() << text;
  }

  Watched watched_;
  std::chrono::milliseconds patience_ = patience_from_environment();
  Snapshot before_suite_;
  Snapshot before_test_;
};

Identity make_identity() {
  std::uint64_t number = 0;
  // Names a run, decides nothing: need not be reproducible.
  if (getrandom(&number, sizeof number, 0) != sizeof number) std::abort();
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
  Identity made{.id = digits,
                .folder = (fs::temp_directory_path() / "ordeal-test-XXXXXX").string(),
                .process = ::getpid()};
  if (mkdtemp(made.folder.data()) == nullptr) std::abort();
  return made;
}

}  // namespace

void install_leak_check() {
  if (!identity().id.empty()) return;
  identity() = make_identity();
  setenv(std::string{test_id_variable}.c_str(), identity().id.c_str(), 1);
  setenv("TMPDIR", identity().folder.c_str(), 1);
  // ThreadSanitizer starts a thread of its own beside the program's first one: now.
  std::thread{[] {}}.join();
  // Last in the list: the end of a test reaches it before it reaches the printer.
  ::testing::UnitTest::GetInstance()->listeners().Append(new LeakListener);
}

void at_test_end(std::function<void()> hook) { hooks().push_back(std::move(hook)); }

std::string_view test_id() { return identity().id; }
const std::string& temp_folder() { return identity().folder; }
bool tests_run_here() { return identity().process == ::getpid(); }

}  // namespace ordeal::trial

// Fork guard, environment, program search, descriptors.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/process/environment.hpp"
#include "pool/process/fork_guard.hpp"
#include "pool/process/program_path.hpp"
#include "pool/process/tests/support.hpp"

namespace ordeal::pool::process {
namespace {

// What `ask` says in a forked child of this process.
template <typename Ask>
[[nodiscard]] bool in_a_child(Ask ask) {
  const int child = ::fork();
  if (child == 0) ::_exit(ask() ? 1 : 0);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status) == 1;
}

TEST(ForkGuard, KnowsAForkedChildAndItsChild) {
  const ForkGuard guard;
  EXPECT_FALSE(guard.in_forked_child());
  EXPECT_TRUE(in_a_child([&] { return guard.in_forked_child(); }));
  EXPECT_TRUE(in_a_child([&] { return in_a_child([&] { return guard.in_forked_child(); }); }));
  EXPECT_FALSE(guard.in_forked_child()) << "the parent is still itself";
}

TEST(ForkGuard, OneMadeInTheChildIsAtHomeThere) {
  EXPECT_FALSE(in_a_child([] { return ForkGuard().in_forked_child(); }));
}

TEST(Environment, TakesWhatIsNamedAndAddsWhatIsGiven) {
  const std::array<const char*, 7> host{"PATH=/bin",  "SECRET=1",   "LC_ALL=C", "LC=no",
                                        "LC_TIME=de", "HOME=/root", nullptr};
  const std::array<std::string_view, 4> names{"PATH", "LC_*", "HOME", "ABSENT"};
  const std::array<std::string, 3> added{"HOME=/tmp", "NEW=a=b", "NEW=c"};
  const std::vector<std::string> expected{"PATH=/bin", "LC_ALL=C", "LC_TIME=de", "HOME=/tmp",
                                          "NEW=c"};
  EXPECT_EQ(make_environment(host.data(), names, added), expected);
  EXPECT_EQ(make_environment(nullptr, names, {}), std::vector<std::string>{});
}

TEST(Environment, TheDefaultHandsOnNoCredentials) {
  const std::array<const char*, 5> host{"PATH=/bin", "GEMINI_API_KEY=k", "AWS_SECRET_ACCESS_KEY=k",
                                        "LD_PRELOAD=x", nullptr};
  EXPECT_EQ(make_environment(host.data(), default_inherited_variables(), {}),
            std::vector<std::string>{"PATH=/bin"});
}

TEST(Environment, FindsAVariable) {
  const std::vector<std::string> environment{"A=1", "AB=2", "EMPTY=", "A=3"};
  EXPECT_STREQ(find_variable(environment, "A"), "3");
  EXPECT_STREQ(find_variable(environment, "AB"), "2");
  EXPECT_STREQ(find_variable(environment, "EMPTY"), "");
  EXPECT_EQ(find_variable(environment, "B"), nullptr);
}

TEST(ProgramPath, SearchesInOrder) {
  EXPECT_EQ(find_program("sh", "/no/such:/usr/bin:/bin", false), "/usr/bin/sh");
  EXPECT_EQ(find_program("sh", "/bin:/usr/bin", false), "/bin/sh");
  EXPECT_EQ(find_program("a/b", "/bin", false), "a/b");
  EXPECT_EQ(find_program("sh", "", false), tl::unexpected(ENOENT));
  EXPECT_EQ(find_program("", "/bin", false), tl::unexpected(ENOENT));
  // /etc/passwd is there, and is no program.
  EXPECT_EQ(find_program("passwd", "/etc", false), tl::unexpected(EACCES));
  EXPECT_EQ(find_program("passwd", "/etc:/usr/bin", false), "/usr/bin/passwd");
}

class Descriptors : public ProcessTest {};

TEST_F(Descriptors, AreOwnedByOne) {
  FileDescriptor first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = first.get();
  FileDescriptor second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT: moved from on purpose
  EXPECT_EQ(second.get(), number);
  FileDescriptor& itself = second;
  second = std::move(itself);
  EXPECT_EQ(second.get(), number);
  errno = EDOM;
  second.reset();
  EXPECT_EQ(errno, EDOM);
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(Descriptors, PipesCloseOnExecAndBlockOnlyWhereAsked) {
  const Result<Pipe> pipe = make_pipe({.read_end_non_blocking = true});
  ASSERT_TRUE(pipe);
  EXPECT_EQ(::fcntl(pipe->read_end.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(pipe->write_end.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_NE(::fcntl(pipe->read_end.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(pipe->write_end.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(Descriptors, ACapacityThatIsRefusedIsNoError) {
  const Result<Pipe> pipe = make_pipe({.bytes_min = std::size_t{1} << 40});
  ASSERT_TRUE(pipe);
  EXPECT_GE(::fcntl(pipe->read_end.get(), F_GETPIPE_SZ), 4096);
}

}  // namespace
}  // namespace ordeal::pool::process

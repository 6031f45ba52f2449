// Stacks are found among whatever else a worker writes.
#include "pool/process/stack_dump.hpp"

#include <gtest/gtest.h>

#include "pool/process/stderr_tail.hpp"

namespace ordeal::pool::process {
namespace {

constexpr std::string_view dump =
    "Thread 0x00007f1 (most recent call first):\n"
    "  File \"a.py\", line 3 in wait\n"
    "\n"
    "Current thread 0x00007f2 (most recent call first):\n"
    "  File \"b.py\", line 13 in poke\n"
    "  ...\n";

TEST(StackDump, IsFoundAmongOtherWords) {
  const std::string found =
      find_stacks("  File \"not.py\"\nwarning\n" + std::string{dump} + "bye\n");
  EXPECT_EQ(found,
            "Thread 0x00007f1 (most recent call first):\n"
            "  File \"a.py\", line 3 in wait\n"
            "Current thread 0x00007f2 (most recent call first):\n"
            "  File \"b.py\", line 13 in poke\n"
            "  ...\n");
}

TEST(StackDump, IsNothingWhereThereIsNone) {
  EXPECT_EQ(find_stacks(""), "");
  EXPECT_EQ(find_stacks("Traceback (most recent call last):\n  File \"x.py\", line 1, in f\n"), "");
}

TEST(StackDump, KeepsItsBeginningWhereItIsTooLong) {
  EXPECT_EQ(find_stacks(dump, 50), "Thread 0x00007f1 (most recent call first):\n");
}

TEST(StderrTail, TellsWhatWasWrittenSince) {
  StderrTail tail({.bytes_max = 8, .lines_max = 10});
  tail.append("before");
  const auto seen = tail.bytes_seen();
  EXPECT_EQ(tail.since(seen), "");
  tail.append("after");
  EXPECT_EQ(tail.since(seen), "after");
  tail.append(std::string(20, 'x'));
  EXPECT_EQ(tail.since(seen), std::string(8, 'x')) << "as far as it is held";
}

}  // namespace
}  // namespace ordeal::pool::process

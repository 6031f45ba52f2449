#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "testing/cites/cites.hpp"

namespace ordeal::trial {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(TimeoutCheck, FailsEachTestThatLooksEverySoOftenAndNamesTheThread) {
  cites(58);
  std::string output;
  FILE* program = popen(POLLING_EXAMPLE " 2>&1", "re");
  ASSERT_NE(program, nullptr);
  char chunk[4096];
  for (std::size_t count = 0; (count = fread(chunk, 1, sizeof chunk, program)) > 0;) {
    output.append(chunk, count);
  }
  const int status = pclose(program);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1) << output;
  for (const char* named : {"Polling.OnAWord: 5 in thread 'polling_example'",
                            "Polling.InAThread: 3 in thread 'looks-often'",
                            "Polling.OnDescriptors: 1 in thread", "Polling.OnAnEpoll: 1 in thread",
                            "Polling.WithinADeclaredWait: ", "[       OK ] Declared.ADeadline",
                            "[       OK ] Declared.AWaitOfThisLength",
                            "[       OK ] Waiting.EndedByItsEvent", "5 FAILED TESTS"}) {
    EXPECT_THAT(output, HasSubstr(named));
  }
}

}  // namespace
}  // namespace ordeal::trial

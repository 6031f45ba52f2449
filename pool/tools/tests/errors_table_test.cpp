// The table of errors that `ordeal-pool errors` prints, and that pool/README.md holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ordeal/pool/error.hpp"
#include "pool/tools/errors_command.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::tools {
namespace {

TEST(ErrorsTable, SaysOfEveryCodeWhetherItMayHaveHappenedAndWhatToDo) {
  cites(43);
  const std::string table = describe_errors();
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2 + error_code_count - 1);
  for (const auto* row : {
           "| `worker_died` | connection | major | indeterminate | yes | backoff_retry | ",
           "| `queue_full` | resource | major | failed | yes | failover | ",
           // Nobody's retry mends what the caller got wrong.
           "| `invalid_arguments` | communication | minor | failed | no | abandon | ",
       }) {
    EXPECT_NE(table.find(row), std::string::npos) << row;
  }
  EXPECT_EQ(table.find("| `none` |"), std::string::npos);
}

TEST(ErrorsTable, IsTheOneInTheReadme) {
  const std::string path = ORDEAL_ERRORS_README;
  std::stringstream content;
  content << std::ifstream{path}.rdbuf();
  const std::string readme = content.str();
  const std::string begin = "<!-- errors: made by ordeal-pool errors -->\n";
  const std::size_t from = readme.find(begin);
  const std::size_t to = readme.find("<!-- errors end -->");
  ASSERT_NE(from, std::string::npos) << path;
  ASSERT_NE(to, std::string::npos) << path;
  const std::string current =
      readme.substr(0, from + begin.size()) + describe_errors() + readme.substr(to);
  if (std::getenv("ORDEAL_APPROVE") != nullptr) {
    std::ofstream{path} << current;
    return;
  }
  EXPECT_EQ(readme, current) << "to bring " << path
                             << " up to date: ORDEAL_APPROVE=1 ctest -R errors_table_test";
}

}  // namespace
}  // namespace ordeal::pool::tools

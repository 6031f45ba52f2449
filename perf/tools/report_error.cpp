#include <fmt/format.h>

#include "perf/tools/commands.hpp"

namespace ordeal::perf {

int report_error(const Error& error) {
  fmt::print(stderr, "ordeal-perf: {}\n", error.text());
  switch (error.kind) {
    case ErrorKind::program:
      return exit_could_not_run;
    case ErrorKind::baseline:
      return exit_no_baseline;
    case ErrorKind::file:
    case ErrorKind::json:
    case ErrorKind::schema:
    case ErrorKind::value:
      return exit_usage;
  }
  return exit_usage;
}

}  // namespace ordeal::perf

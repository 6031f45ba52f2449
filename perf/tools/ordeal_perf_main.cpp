// ordeal-perf: how good, and slower or not.
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

int main(int argc, char** argv) {
  using namespace ordeal::perf;
  CLI::App app{
      "Performance: how good, and slower or not.\n"
      "Exit code: 0 ok, 1 regression, 2 wrong use or file, 3 inconclusive (--strict), 4 unstable,\n"
      "5 no baseline, or one of another host, 6 could not run."};
  app.require_subcommand(1);
  int exit_code = exit_ok;

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return exit_code;
}

// ordeal-perf: how good, and slower or not.
#include "perf/tools/commands.hpp"

int main(int argc, char** argv) {
  using namespace ordeal::perf;
  CLI::App app{
      "Performance: how good, and slower or not.\n"
      "Exit code: 0 ok, 1 regression, 2 wrong use or file, 3 inconclusive (--strict), 4 unstable,\n"
      "5 no baseline, or one of another host, 6 could not run."};
  app.require_subcommand(1);
  int exit_code = exit_ok;
  add_cases(app, exit_code);
  add_sample(app, exit_code);
  add_core_loop(app, exit_code);
  add_run(app, exit_code);
  add_report(app, exit_code);
  add_calibrate(app, exit_code);
  add_compare(app, exit_code);
  add_history(app, exit_code);
  add_judge(app, exit_code);
  add_record(app, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return exit_code;
}

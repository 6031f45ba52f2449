"""demo, nightly, ordeal, lint and .ci/run: what they start, and what their exit codes mean."""
import os
import re
import shutil
import subprocess
import unittest

from sandbox import Sandbox


class DemoTest(Sandbox):
    def test_builds_only_the_demo_and_passes_on_arguments_and_exit_code(self):
        self.stand_in("demo", 'printf "%s|" "$@"; exit 3', path="build/bin/ordeal-demo")
        code, out, err = self.run_script("scripts/demo", "--workers", "2", "a b")
        self.assertEqual((code, out, err), (3, "--workers|2|a b|", ""))
        self.assertTrue(self.calls("ninja")[0].endswith(" ordeal-demo"))

    def test_a_failing_build_starts_no_old_demo(self):
        self.stand_in("demo", path="build/bin/ordeal-demo")
        self.stand_in("ninja", "exit 1")
        self.assertEqual(self.run_script("scripts/demo")[0], 1)
        self.assertEqual(self.calls("demo"), [])


class AskTest(Sandbox):
    def test_builds_only_the_pool_and_leaves_standard_output_to_the_answers(self):
        self.stand_in("python3", 'echo answer; exit 3')
        code, out, err = self.run_script("scripts/ask", "--workers", "2", "questions.txt")
        self.assertEqual((code, out), (3, "answer\n"))
        self.assertIn("building", err)
        self.assertTrue(self.calls("ninja")[0].endswith(" ordeal-pool"))
        self.assertTrue(self.calls("python3")[-1].endswith("ask.py --workers 2 questions.txt"))

    def test_without_questions_it_says_how_it_is_used_and_builds_nothing(self):
        code, _, err = self.run_script("scripts/ask")
        self.assertEqual(code, 2)
        self.assertIn("scripts/ask [OPTION ...] FILE", err)
        self.assertEqual(self.calls("ninja"), [])


COMPARES = '''case $1 in compare)
  while [ $# -gt 0 ]; do [ "$1" != --pairs-file ] || echo "{}" >"$2"; shift; done; exit %d ;; esac'''


class NightlyTest(Sandbox):
    def test_measures_compares_appends_the_history_and_reports(self):
        self.stand_in("perf", COMPARES % 0, path="build/bin/ordeal-perf")
        code, out, err = self.run_script("scripts/nightly", "--quick")
        self.assertEqual((code, err), (0, ""))
        prefix = re.fullmatch(
            r"nightly: figures and report: (\S+/build/nightly/\d{8}T\d{6}Z-\w+)\*\n", out).group(1)
        self.assertTrue(os.path.exists(prefix + "-pairs.json"))
        run, compare, append, history, report = self.calls("perf")
        self.assertTrue(run.startswith("run "))
        self.assertIn("--quick", compare)
        self.assertIn("--any-host", compare)
        self.assertEqual(append, "history --append " + prefix + "-pairs.json")
        self.assertEqual(history, "history")
        self.assertIn("--html " + prefix + ".html", report)

    def test_ends_as_the_comparison_did_and_still_reports(self):
        for status in (1, 4, 5):
            self.stand_in("perf", COMPARES % status, path="build/bin/ordeal-perf")
            self.assertEqual(self.run_script("scripts/nightly", "--quick")[0], status)
            self.assertEqual(len(self.calls("perf")), 5)

    def test_a_run_that_fails_is_the_end(self):
        self.stand_in("perf", "exit 6", path="build/bin/ordeal-perf")
        self.assertEqual(self.run_script("scripts/nightly")[0], 6)
        self.assertEqual(len(self.calls("perf")), 1)
        self.assertNotIn("--quick", self.calls("perf")[0])

    def test_chaos_runs_the_experiments_first_and_ends_with_their_failure(self):
        self.stand_in("chaos", "exit 1", path="build/bin/ordeal-chaos")
        self.assertEqual(self.run_script("scripts/nightly", "--chaos")[0], 1)
        self.assertEqual(len(self.calls("chaos")), 1)
        self.assertIn("chaos/experiments/", self.calls("chaos")[0])

    def test_dspy_is_the_long_form_of_the_test_of_kills(self):
        self.stand_in("kills", 'echo "$ORDEAL_DSPY_EXECUTIONS $ORDEAL_DSPY_SESSIONS"; exit 1',
                      path="build/python_mock/dspy_kills_test")
        code, out, _ = self.run_script("scripts/nightly", "--dspy")
        self.assertEqual((code, out.splitlines()[-1]), (1, "10000 50"))

    def test_a_part_that_there_is_not_is_refused(self):
        self.assertEqual(self.run_script("scripts/nightly", "--fast")[0], 2)


class OrdealTest(Sandbox):
    def test_starts_the_tool_with_its_arguments(self):
        self.stand_in("tool", 'printf "%s|" "$@"; exit 5', path="build/bin/ordeal-pool")
        self.assertEqual(self.run_script("scripts/ordeal", "pool", "run", "a b"),
                         (5, "run|a b|", ""))

    def test_names_the_tools_that_are_there(self):
        code, _, err = self.run_script("scripts/ordeal", "pool")
        self.assertEqual((code, err), (2, "ordeal: no tool is built yet; first: scripts/test "
                                          "--build-only\n"))
        self.stand_in("tool", path="build/bin/ordeal-pool")
        self.stand_in("tool", path="build/bin/ordeal-demo")
        for name in ("chaos", "../bin/ordeal-pool"):
            code, _, err = self.run_script("scripts/ordeal", name)
            self.assertEqual((code, err), (2, "ordeal: unknown tool '%s'; allowed: demo, pool (see "
                                              "ordeal --help)\n" % name))
        code, out, _ = self.run_script("scripts/ordeal", "--help")
        self.assertEqual(code, 0)
        self.assertTrue(out.endswith("ordeal: tools: demo, pool\n"), out)


class SandboxTest(Sandbox):
    def test_a_stand_in_never_writes_through_to_the_machines_own_tool(self):
        own = os.path.join(self.root, "own-tool")
        self.write("own-tool", "of the machine")
        os.symlink(own, os.path.join(self.bin, "tool"))
        self.stand_in("tool")
        with open(own, encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "of the machine")


class CiTest(Sandbox):
    def stages(self, failing=""):
        self.stand_in("git", "echo 0000001")  # the shard of the mutants comes of the commit
        for name in ("lint", "test", "invariants", "mutants"):
            self.stand_in(name, 'case "%s $*" in "%s") exit 9 ;; esac' % (name, failing or "-"),
                          path="scripts/" + name)
        code, out, _ = self.run_script(".ci/run")
        ended = (r"(?m)^=== (\S+/(?:lint|test|invariants|mutants)[^:\n]*): "
                 r"exit code (\d+) after \d+ s$")
        return code, re.findall(ended, out)

    def test_runs_every_stage_in_order(self):
        code, stages = self.stages()
        self.assertEqual(code, 0)
        self.assertEqual([name for name, _ in stages],
                         ["./scripts/lint", "./scripts/test",
                          "./scripts/invariants --results build/test-results --allow-unbuilt",
                          "./scripts/mutants --no-build --shard 2/3",
                          "./scripts/test --sanitize address,undefined --layer 1 --layer 2",
                          "./scripts/test --sanitize thread --label threaded"])

    def test_stops_at_the_first_failure(self):
        code, stages = self.stages("test --sanitize address,undefined --layer 1 --layer 2")
        self.assertEqual(code, 9)
        self.assertEqual([status for _, status in stages], ["0", "0", "0", "0", "9"])


class LintTest(Sandbox):
    """With the real clang-format and shellcheck, on a checkout of a few files."""

    def setUp(self):
        super().setUp()
        for tool in ("clang-format", "shellcheck", "python3"):
            os.symlink(shutil.which(tool), os.path.join(self.bin, tool))
        for name in ("tests", "tidy_rules"):
            shutil.rmtree(os.path.join(self.root, "scripts", name))
        for name in ("setup", "test", "demo", "nightly", "ordeal"):
            self.write("scripts/" + name, "#!/usr/bin/env bash\ntrue\n", executable=True)
        os.remove(os.path.join(self.root, ".ci/gitlab-ci.yml"))
        self.write(".clang-format", "BasedOnStyle: Google\nColumnLimit: 100\n")
        self.write("scripts/tidy.py", "print('tidy was here')\n")
        self.write("pool/a.cpp", "int a = 1;\n")
        subprocess.run(["git", "init", "-q", self.root], check=True)

    def test_a_clean_checkout_passes(self):
        code, out, err = self.run_script("scripts/lint")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("tidy was here\n", out)
        self.assertRegex(out, r"lint: 1 C\+\+ files, \d+ shell scripts looked at\n$")

    def test_each_check_fails_by_itself(self):
        for path, text, found, right in (
                ("pool/a.cpp", "int  a = 1;\n", "pool/a.cpp:1: format\n", "int a = 1;\n"),
                ("scripts/new", "#!/usr/bin/env bash\nrm $1\n", "SC2086", ""),
                (".ci/new", "#!/usr/bin/env bash\nrm $1\n", "SC2086", ""),
                ("scripts/tidy.py", "raise SystemExit(1)\n", "to mend: tidy.py", "")):
            with self.subTest(path=path):
                self.write(path, text)
                code, out, _ = self.run_script("scripts/lint")
                self.assertEqual(code, 1)
                self.assertIn(found, out)
                self.write(path, right)

    def test_workflow_files_are_checked_and_it_is_said_where_they_cannot_be(self):
        self.environment["ORDEAL_LINT_VENV"] = os.path.join(self.root, "lint-venv")
        self.write(".github/workflows/ci.yml", "jobs: 1\n")
        code, _, err = self.run_script("scripts/lint")
        self.assertEqual((code, err), (0, "lint: warning: not checked, for want of "
                                          "check-jsonschema: .github/workflows/ci.yml\n"))
        self.stand_in("check-jsonschema", "echo 'no jobs'; exit 1", path="lint-venv/bin/check-jsonschema")
        code, out, _ = self.run_script("scripts/lint")
        self.assertEqual(code, 1)
        self.assertIn("no jobs\n", out)
        self.assertIn("to mend: github-workflows\n", out)
        self.assertIn("--builtin-schema vendor.github-workflows .github/workflows/ci.yml",
                      self.calls("check-jsonschema")[0])

    def test_without_files_it_does_not_pass(self):
        shutil.rmtree(os.path.join(self.root, ".git"))
        code, _, err = self.run_script("scripts/lint")
        self.assertEqual(code, 1)
        self.assertIn("lint: git lists no files in " + self.root, err)

    def test_fix_formats(self):
        self.write("pool/a.cpp", "int  a = 1;\n")
        self.assertEqual(self.run_script("scripts/lint", "--fix")[0], 0)
        self.assertEqual(self.run_script("scripts/lint")[0], 0)


if __name__ == "__main__":
    unittest.main()

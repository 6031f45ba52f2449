"""scripts/invariants: a proof that goes missing is noticed, however it goes missing."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "scripts", "invariants")

STATEMENTS = """# A comment.
invariant 1: the sun rises
bug 1: it does not
property 1 shown: it is round
"""
CITATIONS = "Sky.Rises: invariant:1 property:1\nSky.Never: bug:1\n"
KILLS = {"night": {"tests": ["Sky.Rises", "Sky.Never"], "cites": ["invariant:1", "bug:1"]}}


def case(name, cites="", attributes='status="run" result="completed"', inside=""):
    properties = '<properties><property name="cites" value="%s"/></properties>' % cites if cites else ""
    return '<testcase name="%s" classname="Sky" %s>%s%s</testcase>' % (
        name, attributes, inside, properties)


RISES = case("Rises", "invariant:1 property:1")
NEVER = case("Never", "bug:1")


class Invariants(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        listing = json.dumps({"tests": [
            {"name": "sky", "command": ["/bin/sky_test"]},
            {"name": "kit", "command": ["python3", "run_unittest.py", "kit_test", "tests"]}, {"name": "none"}]})
        self.write("bin/ctest", "#!/bin/sh\ncat <<'END'\n%s\nEND\n" % listing)
        os.chmod(self.path("bin/ctest"), 0o755)
        self.write("statements", STATEMENTS)
        self.write("locked", CITATIONS)
        self.write("kills", json.dumps(KILLS))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as stream:
            stream.write(text)

    def judged(self, *cases, **others):
        arguments = others.pop("arguments", ())
        self.write("results/sky_test.xml", "<testsuites>%s</testsuites>" % "".join(cases))
        done = subprocess.run(
            [SCRIPT, "--results", self.path("results"), "--build", self.folder,
             "--statements", self.path("statements"), "--locked", self.path("locked"),
             "--kills", self.path("kills")] + list(arguments),
            env=dict(os.environ, PATH=self.path("bin") + ":" + os.environ["PATH"]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        return done.returncode, done.stdout

    def assert_found(self, words, *cases, **others):
        code, text = self.judged(*cases, **others)
        self.assertEqual(code, 1, text)
        self.assertIn(words, text)

    def test_every_number_with_its_statement_tests_and_mutant(self):
        code, text = self.judged(RISES, NEVER)
        self.assertEqual(code, 0, text)
        self.assertIn("invariant 1: the sun rises\n    tests: Sky.Rises\n    kills: night\n", text)
        self.assertIn("2 tests ran, 0 gaps, 0 lost citations", text)

    def test_a_deleted_test_is_lost_even_where_gaps_are_allowed(self):
        for arguments in ((), ("--allow-gaps",)):
            self.assert_found("lost: bug 1: Sky.Never is gone, or died", RISES, arguments=arguments)

    def test_a_disabled_test_is_lost(self):
        disabled = case("Never", "", 'status="notrun" result="suppressed"')
        self.assert_found("lost: bug 1: Sky.Never disabled", RISES, disabled, arguments=["--allow-gaps"])

    def test_a_skipped_test_is_lost_though_it_said_what_it_cites(self):
        skipped = case("Never", "bug:1", 'status="run" result="skipped"', "<skipped/>")
        self.assert_found("lost: bug 1: Sky.Never skipped", RISES, skipped, arguments=["--allow-gaps"])

    def test_a_failed_test_proves_nothing(self):
        failed = case("Never", "bug:1", inside="<failure/>")
        self.assert_found("lost: bug 1: Sky.Never failed", RISES, failed, arguments=["--allow-gaps"])

    def test_a_test_that_passes_once_and_fails_once_proves_nothing(self):
        self.write("results/sky_test_1.xml",
                   "<testsuites>%s</testsuites>" % case("Never", "bug:1", inside="<failure/>"))
        self.assert_found("bug 1: it does not   ** NO TEST **", RISES, NEVER)

    def test_a_citation_that_was_taken_out_is_lost(self):
        self.assert_found("lost: bug 1: Sky.Never does not cite it any more", RISES, case("Never"),
                          arguments=["--allow-gaps"])

    def test_a_statement_without_test_mutant_or_subject_is_a_gap_unless_allowed(self):
        self.write("statements", STATEMENTS + "bug 2: a\nbug 3 not-built: b\ninvariant 4: c\n")
        cases = (RISES, NEVER, case("More", "invariant:4"))
        self.assert_found("not built: bug 3\nno test: bug 2\nno mutant: invariant 4\n", *cases)
        self.assertEqual(self.judged(*cases, arguments=["--allow-gaps"])[0], 0)
        self.assertEqual(self.judged(*cases, arguments=["--allow-unbuilt"])[0], 1)
        self.write("statements", STATEMENTS + "bug 3 not-built: b\n")
        self.assertEqual(self.judged(RISES, NEVER, arguments=["--allow-unbuilt"])[0], 0)

    def test_a_mutant_counts_only_if_a_test_that_cites_the_number_killed_it(self):
        self.write("kills", json.dumps({"night": {"tests": ["Sky.Other"], "cites": ["bug:1"]}}))
        self.assert_found("no mutant: invariant 1, bug 1\n", RISES, NEVER)

    def test_a_property_is_a_gap_too_unless_it_is_only_to_be_shown(self):
        self.write("statements", STATEMENTS + "property 2 shown: it is far\n")
        self.assertEqual(self.judged(RISES, NEVER)[0], 0)
        self.write("statements", STATEMENTS + "property 2: it is far\n")
        self.assert_found("no test: property 2\n", RISES, NEVER)

    def test_an_unknown_number_is_an_error(self):
        self.assert_found("unknown number: bug:99 cited by Sky.Never", RISES, case("Never", "bug:1 bug:99"))

    def test_reports_of_programs_that_tests_start_are_left_aside(self):
        self.write("results/leaky_example.xml", "<testsuites>%s</testsuites>" % case("Never", inside="<failure/>"))
        self.assertEqual(self.judged(RISES, NEVER)[0], 0)

    def test_approve_takes_new_citations_in(self):
        more = case("More", "bug:1")
        code, text = self.judged(RISES, NEVER, more)
        self.assertIn("new: 1 citations", text)
        self.assertEqual(self.judged(RISES, NEVER, more, arguments=["--approve"])[0], 0)
        self.assert_found("lost: bug 1: Sky.More is gone", RISES, NEVER)

    def test_approve_says_what_it_gives_up(self):
        code, text = self.judged(RISES, case("Never"), arguments=["--approve"])
        self.assertIn("given up by --approve: bug 1: Sky.Never does not cite it any more", text)

    def test_a_wrong_line_in_the_list_of_statements_is_named(self):
        self.write("statements", STATEMENTS + "invariant x: y\n")
        self.assert_found(":5: not 'invariant|bug|property N [not-built|shown]: text'", RISES, NEVER)


SAMPLE = """
import unittest
from cites import cites, cites_bug_class

class Sky(unittest.TestCase):
    @cites(1, 2)
    @cites_bug_class(3)
    def test_passes(self): pass
    @cites(4)
    def test_fails(self): self.fail()
    @cites(5)
    def test_skips(self): self.skipTest("cloudy")
    @cites(6)
    def test_fails_in_part(self):
        with self.subTest(): self.fail()
"""


class PythonReports(unittest.TestCase):
    def test_a_python_test_is_reported_with_its_end_and_its_citations(self):
        sys.path.insert(0, os.path.join(ROOT, "testing", "cites"))
        from results import read_results
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "test_sky.py"), "w") as stream:
                stream.write(SAMPLE)
            done = subprocess.run(
                [sys.executable, os.path.join(ROOT, "testing", "cites", "run_unittest.py"), "sky", folder],
                env=dict(os.environ, GTEST_OUTPUT="xml:%s/out/" % folder), stderr=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 1)
            found = {result.test: (result.end, sorted(result.cites))
                     for result in read_results(os.path.join(folder, "out"), {"sky"})}
        self.assertEqual(found, {
            "Sky.test_passes": ("passed", ["bug:3", "invariant:1", "invariant:2"]),
            "Sky.test_fails": ("failed", ["invariant:4"]),
            "Sky.test_skips": ("skipped", ["invariant:5"]),
            "Sky.test_fails_in_part": ("failed", ["invariant:6"]),
        })


# As a GoogleTest program does what its environment tells it; the tests are called a, b, c.
SHARDED = r"""#!/bin/sh
report=${GTEST_OUTPUT#xml:}
for test in a b c; do
  at=$((${at:--1} + 1))
  [ $((at % GTEST_TOTAL_SHARDS)) = "$GTEST_SHARD_INDEX" ] || continue
  echo "ran $test"
  cases="$cases<testcase name='$test' classname='Sky' status='run' result='completed'/>"
  if [ "$1" = "kill $test" ]; then kill -9 $$; fi
  if [ "$1" = "fail $test" ]; then code=1; fi
done
echo "<testsuites>$cases</testsuites>" >"$report"
exit ${code:-0}
"""


class Shards(unittest.TestCase):
    def run_sharded(self, folder, *arguments):
        program = os.path.join(folder, "sky_test")
        with open(program, "w") as stream:
            stream.write(SHARDED)
        os.chmod(program, 0o755)
        os.makedirs(os.path.join(folder, "out"), exist_ok=True)
        done = subprocess.run(
            [sys.executable, os.path.join(ROOT, "testing", "cites", "run_shards.py"), "2", program, *arguments],
            env=dict(os.environ, GTEST_OUTPUT="xml:%s/out/" % folder), stdout=subprocess.PIPE)
        return done.returncode, done.stdout.decode().splitlines()

    def test_each_test_runs_once_and_is_reported(self):
        sys.path.insert(0, os.path.join(ROOT, "testing", "cites"))
        from results import read_results
        with tempfile.TemporaryDirectory() as folder:
            for runs in (1, 2):  # reports of two runs do not replace each other
                self.assertEqual(self.run_sharded(folder), (0, ["ran a", "ran c", "ran b"]))
                found = sorted(result.test for result in read_results(os.path.join(folder, "out"), {"sky_test"}))
                self.assertEqual(found, sorted(["Sky.a", "Sky.b", "Sky.c"] * runs))

    def test_classes_of_python_are_shared_out_too(self):
        sys.path.insert(0, os.path.join(ROOT, "testing", "cites"))
        from results import read_results
        cites = os.path.join(ROOT, "testing", "cites")
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "test_sky.py"), "w") as stream:
                stream.write("import unittest\n" + "".join(
                    "class %s(unittest.TestCase):\n"
                    "    def test_it(self): pass\n"
                    "    def test_more(self): pass\n" % name for name in "ABC"))
            done = subprocess.run(
                [sys.executable, os.path.join(cites, "run_shards.py"), "2", sys.executable,
                 os.path.join(cites, "run_unittest.py"), "sky", folder],
                env=dict(os.environ, GTEST_OUTPUT="xml:%s/out/" % folder), stdout=subprocess.PIPE)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(len(os.listdir(os.path.join(folder, "out"))), 2)
            found = sorted(result.test for result in read_results(os.path.join(folder, "out"), {"sky"}))
        self.assertEqual(found, [name + "." + test for name in "ABC" for test in ("test_it", "test_more")])

    def test_a_process_that_fails_or_dies_fails_the_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            for test in "abc":
                self.assertEqual(self.run_sharded(folder, "fail " + test)[0], 1)
                code, prints = self.run_sharded(folder, "kill " + test)
                self.assertEqual(code, 128 + 9)
                self.assertIn("was ended by signal 9", "".join(prints))


if __name__ == "__main__":
    unittest.main()

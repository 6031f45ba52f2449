"""Each rule of scripts/tidy.py must find its examples, and only them."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
SCRIPTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, SCRIPTS)
sys.path.append(os.path.join(os.path.dirname(SCRIPTS), "testing", "cites"))

from cites import cites  # noqa: E402
from tidy_rules import RULES  # noqa: E402
from tidy_rules.allowed import ALLOWED_WAITS  # noqa: E402
from tidy_rules.source import File, Tree  # noqa: E402

GOOD_HPP = "// What it is.\n#pragma once\n"
COMPLETE = {name: "" for name in (
    "CMakeLists.txt", "README.md", ".clang-format", ".clang-tidy", ".gitignore", ".ci/run",
    "pool/a", "testing/a", "chaos/a", "perf/a", "baselines/a", "python_mock/a", "scripts/a")}

# rule: [(path, text)], each of which must give at least one finding of that rule, by itself.
# Words that grep looks for are written in two halves.
MUST_FAIL = {
    "top_level": [("src/a.cpp", ""), ("Makefile", ""), (".editorconfig", "")],
    "file_size": [("pool/core/a.cpp", "int a;\n" * 751), ("scripts/a.py", "a = 1\n" * 751)],
    "unregistered": [("pool/core/tests/queue_test.cpp", ""), ("testing/sim/a.cpp", "")],
    "layers": [
        ("pool/core/a.hpp", '#include "testing/sim/a.hpp"\n'),
        ("pool/tools/a.cpp", '#include "chaos/faults/a.hpp"\n'),
        ("pool/runtime/a.cpp", '#  include "perf/stats/a.hpp"\n'),
        ("testing/sim/a.cpp", '#include "chaos/faults/a.hpp"\n'),
        ("testing/sim/a.cpp", '#include "perf/stats/a.hpp"\n'),
        ("chaos/faults/a.cpp", '#include "perf/stats/a.hpp"\n'),
        ("perf/stats/a.cpp", '#include "chaos/faults/a.hpp"\n'),
        ("pool/core/a.cpp", '#include "pool/wire/a.hpp"\n'),
        ("pool/wire/a.cpp", '#include "pool/runtime/a.hpp"\n'),
        ("pool/options/a.cpp", '#include "pool/runtime/a.hpp"\n'),
        ("pool/include/ordeal/pool/a.hpp", '#include "pool/core/a.hpp"\n'),
        ("pool/core/a.cpp", '#include "a.hpp"\n'),
        ("pool/core/a.cpp", '#include "../wire/a.hpp"\n'),
        ("pool/core/a.cpp", '#include "pool/core/../wire/a.hpp"\n'),
    ],
    "columns": [("pool/a.cpp", "x" * 101 + "\n"), ("scripts/a.sh", "x" * 101 + "\n"),
                ("scripts/a.py", "x" * 121 + "\n"), ("pool/a.hpp", "é" * 101 + "\n")],
    "blanks": [("pool/a.cpp", text) for text in (
        "int a; \n", "\tint a;\n", "int a;", "int a;\n\n", "int a;\r\n")]
    + [("pool/README.md", "a\t\n")],
    "pragma_once": [("pool/a.hpp", "int a;\n"), ("pool/a.h", "// #pragma once\n")],
    "words": [("pool/a.cpp", "// TO" "DO: more\n"), ("pool/README.md", "FIX" "ME\n"),
              ("scripts/a.py", "# XX" "X\n"), ("pool/CMakeLists.txt", "# HA" "CK\n"),
              ("pool/a.hpp", "// a Place" "holder for later\n")],
    "python_syntax": [
        ("scripts/a.py", "def a(:\n"),
        ("scripts/a.py", "match a:\n    case 1: pass\n"),
        ("scripts/tool", "#!/usr/bin/env python3\nx = [i async for i in y if (z := 1)\n"),
    ],
    "waits": [
        ("pool/core/a.cpp", "std::this_thread::sleep_" "for(1ms);\n"),
        ("pool/core/a.cpp", "using std::this_thread::sleep_" "until;\n"),
        ("pool/core/a.cpp", "us" "leep(5);\n"),
        ("pool/core/a.cpp", "::sleep (1);\n"),
        ("pool/core/a.cpp", "clock_nano" "sleep(a, b, c, d);\n"),
        ("pool/core/a.cpp", "condition.wait_for(lock, 1s);\n"),
        ("pool/core/a.cpp", "std::condition_variable c;\nc.wait_until(lock, soon);\n"),
        ("pool/core/a.cpp", "std::condition_variable c;\nc.wait_for(guard, 1s);\n"),
        ("pool/core/a.cpp", "auto f = std::async(g);\nf.wait_for(1s);\n"),
        ("pool/core/a.cpp", "std::future<int> f;\nf.wait_until(soon);\n"),
        ("pool/core/a.cpp", "mutex.try_lock_for(1s);\n"),
        ("pool/core/tests/a_test.cpp", "semaphore.try_acquire_until(soon);\n"),
        ("python_mock/tests/test_a.py", "import time\ntime.sleep(1)\n"),
        ("python_mock/tests/test_a.py", "from time import monotonic, sleep\n"),
        ("scripts/a.sh", "sleep " "1\n"),
        ("scripts/tool", "#!/usr/bin/env bash\nwhile true; do sleep " "0.1; done\n"),
        ("pool/CMakeLists.txt", "execute_process(COMMAND cmake -E sleep " "1)\n"),
        (sorted(ALLOWED_WAITS)[0], "needs = 'no exception'\n"),
    ],
    "poll_timeout": [
        ("pool/runtime/a.cpp", "poll(&waited, 1, 100);\n"),
        ("pool/runtime/a.cpp", "int n = ::poll(list(a, b), size({1, 2}), 1'000);\n"),
        ("pool/runtime/a.cpp", "epoll_wait(epoll, events,\n           max, 5);\n"),
        ("pool/runtime/a.cpp", "epoll_pwait(epoll, events, max, 5, nullptr);\n"),
    ],
    "citations": [("pool/core/tests/a_test.cpp", '  RecordProperty(\n"invariant", "1");\n')],
    "random": [
        ("perf/a.cpp", "int a = std::rand();\n"), ("perf/a.cpp", "srand(1);\n"),
        ("testing/load/a.cpp", "unsigned seed = std::random_device{}();\n"),
        ("pool/core/tests/a.cpp", "std::random_device device;\n"),
        ("pool/core/a.cpp", "std::uniform_int_distribution<int> d;\n"),
        ("testing/sim/a.cpp", "std::bernoulli_distribution d;\n"),
    ],
}

# Things that look like the above and are right.
MUST_PASS = [
    ("pool/CMakeLists.txt", "ordeal_library(a SOURCES a.cpp core/a.cpp wire/a.cpp\n"
                            "  runtime/a.cpp)\n"),
    ("pool/a.cpp", ""),
    ("pool/core/a.hpp", GOOD_HPP + '#include <map>\n#include "pool/core/b.hpp"\n'
                                   '#include "ordeal/pool/error.hpp"\n'),
    ("pool/core/a.cpp", "// sleep_" "for(1s) is banned\nconst char* a = \"us" "leep(1)\";\n"),
    ("pool/core/tests/a.hpp", GOOD_HPP + '#include "testing/sim/a.hpp"\n'),
    ("pool/core/tests/b.hpp", GOOD_HPP + "unsigned seed = std::random_device{}();\n"),
    ("pool/wire/a.cpp", '#include "pool/core/a.hpp"\nint a = 1\'000;  // it\'s one thousand\n'),
    ("pool/runtime/a.cpp", "std::random_device device;\nwake.wait_until(deadline, ticket);\n"
                           "watch.wait_for(is(\"ready\"), deadline);\n"
                           "poll(a, 1, 0);\npoll(a, 1, -1);\nepoll_wait(a, b, c, left_ms);\n"
                           "core.poll(a, 1, 100);\nint operand(int);\n"),
    ("perf/stats/a.hpp", GOOD_HPP + '#include "testing/load/a.hpp"\n'
                                    "std::normal_distribution<> d;\n"),
    ("pool/b.hpp", GOOD_HPP + "x" * 100 + "\n"),
    ("pool/c.hpp", GOOD_HPP + "é" * 100 + "\n"),
    ("pool/long.sh", "true\n" * 750),
    ("scripts/a.py", '"""time.sleep(1)"""\nPATH = "/tmp/a.XX' 'XXXX"  # time.sleep(1)\n'),
    ("scripts/tool", "#!/usr/bin/env bash\n# sleep " "1\nbusy_sleep=1\n./sleep_test 1\n"),
]


def findings(rule, files):
    return list(RULES[rule](Tree([File(path, text) for path, text in files.items()])))


class TidyTest(unittest.TestCase):
    def test_every_rule_has_an_example_that_must_fail(self):
        self.assertEqual(sorted(RULES), sorted(MUST_FAIL))

    @cites(58)
    def test_each_example_fails_by_its_rule(self):
        for rule, examples in MUST_FAIL.items():
            for path, text in examples:
                with self.subTest(rule=rule, path=path, text=text[:80]):
                    files = dict(COMPLETE) if rule == "top_level" else {}
                    files[path] = text
                    found = findings(rule, files)
                    self.assertEqual([f.path for f in found if not f.warning],
                                     [path.split("/")[0] if rule == "top_level" else path])

    def test_right_code_passes_every_rule(self):
        files = dict(COMPLETE)
        for name in list(files):
            files[name] = "a\n"
        files.update(MUST_PASS)
        for path in ALLOWED_WAITS:
            files[path] = "import time\ntime.sleep(1)\n"
        for rule in RULES:
            with self.subTest(rule=rule):
                found = [f for f in findings(rule, files) if not f.warning]
                self.assertEqual(found, [])

    def test_a_missing_room_is_found(self):
        files = dict(COMPLETE)
        del files["chaos/a"]
        self.assertEqual([f.path for f in findings("top_level", files)], ["chaos"])

    def test_a_test_is_registered_by_a_name_and_not_by_a_comment(self):
        test = "pool/core/tests/queue_test.cpp"
        for folder, names, found in (
                ("pool/core", "ordeal_test(q SOURCES tests/queue_test.cpp)", 0),
                ("pool/core/tests", "ordeal_test(q SOURCES queue_test.cpp\n)", 0),
                ("pool/core", "foreach(t IN ITEMS a queue)\nordeal_test(${t} SOURCES\n"
                              "tests/${t}_test.cpp)\nendforeach()", 0),
                ("pool/core", "foreach(t a\nb)\ntests/${t}_test.cpp\nendforeach()", 1),
                ("pool/core", "add(\"${CMAKE_CURRENT_SOURCE_DIR}/tests/queue_test.cpp\")", 0),
                ("pool/core", "# ordeal_test(q SOURCES tests/queue_test.cpp)", 1),
                ("pool/core", "ordeal_test(q SOURCES queue_test.cpp)", 1),
                ("pool/wire", "ordeal_test(q SOURCES tests/queue_test.cpp)", 1)):
            with self.subTest(folder=folder, names=names):
                files = {test: "", folder + "/CMakeLists.txt": names + "\n"}
                self.assertEqual(len(findings("unregistered", files)), found)

    def test_a_long_file_is_a_warning_before_it_is_an_error(self):
        for lines, warnings in ((300, []), (301, [True]), (750, [True]), (751, [False])):
            found = findings("file_size", {"pool/a.cpp": "a\n" * lines})
            self.assertEqual([f.warning for f in found], warnings, lines)

    def test_the_line_is_the_right_one(self):
        text = "/* a\n b */\nint a;\nconst char* s = R\"(\n)\";\nus" "leep(1);\n"
        self.assertEqual([f.line for f in findings("waits", {"pool/a.cpp": text})], [6])


class CommandTest(unittest.TestCase):
    def run_tidy(self, root, *arguments):
        return subprocess.run([sys.executable, os.path.join(SCRIPTS, "tidy.py"), "--root", root]
                              + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, check=False)

    def test_findings_are_printed_with_their_place_and_fail(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "pool"))
            with open(os.path.join(root, "pool", "a.hpp"), "w", encoding="utf-8") as stream:
                stream.write("#pragma once\nint a; \n")
            done = self.run_tidy(root, "--rule", "blanks", "--rule", "pragma_once")
            self.assertEqual(done.stdout, "pool/a.hpp:2: blanks: trailing blank\n"
                                          "tidy: 1 files, 1 findings, 0 warnings\n")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(self.run_tidy(root, "--rule", "words").returncode, 0)

    def test_wrong_use_is_exit_code_2(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(self.run_tidy(root).returncode, 2)
            self.assertEqual(self.run_tidy(root, "--rule", "nonsense").returncode, 2)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""`python3 -m unittest discover`, and the report that GoogleTest would write.

    run_unittest.py NAME FOLDER [PATTERN]

With GTEST_OUTPUT=xml:DIR/ in the environment, as scripts/invariants sets it, DIR/NAME.xml says which
tests ran, how they ended, and what they cite; with xml:FILE, as run_shards.py sets it, FILE does. Of
GTEST_TOTAL_SHARDS shares, this process takes that of GTEST_SHARD_INDEX: whole classes, which may share a
worker.
"""
import os
import sys
import unittest
from xml.etree import ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class Report(unittest.TextTestResult):
    """Remembers each test that ran with its end: passed, failed or skipped."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.ends = {}

    def startTest(self, test):
        super().startTest(test)
        self.ends[test] = "passed"

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.ends[test] = "failed"

    def addError(self, test, err):
        super().addError(test, err)
        self.ends[test] = "failed"  # Also a class or module that could not be set up.

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.ends[test] = "failed"

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.ends[test] = "failed"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.ends[test] = "skipped"


def as_xml(ends):
    root = ElementTree.Element("testsuites", name="AllTests")
    suites = {}
    for test, end in ends.items():
        suite = type(test).__name__
        name = getattr(test, "_testMethodName", str(test))
        if suite not in suites:
            suites[suite] = ElementTree.SubElement(root, "testsuite", name=suite)
        case = ElementTree.SubElement(suites[suite], "testcase", name=name, classname=suite, status="run",
                                      result="skipped" if end == "skipped" else "completed")
        if end != "passed":
            ElementTree.SubElement(case, "failure" if end == "failed" else "skipped")
        citations = getattr(getattr(test, name, None), "citations", [])
        if citations:
            properties = ElementTree.SubElement(case, "properties")
            ElementTree.SubElement(properties, "property", name="cites", value=" ".join(citations))
    return root


def single(tests):
    for test in tests:
        yield from single(test) if isinstance(test, unittest.TestSuite) else [test]


def share_of(tests, count, index):
    by_class = {}
    for test in single(tests):
        by_class.setdefault(type(test), []).append(test)
    return unittest.TestSuite(test for mine in list(by_class.values())[index::count] for test in mine)


def main(name, folder, pattern="test*.py"):
    tests = unittest.defaultTestLoader.discover(folder, pattern)
    count = int(os.environ.get("GTEST_TOTAL_SHARDS", "1"))
    if count > 1:
        tests = share_of(tests, count, int(os.environ["GTEST_SHARD_INDEX"]))
    result = unittest.TextTestRunner(resultclass=Report).run(tests)
    output = os.environ.get("GTEST_OUTPUT", "")
    if output.startswith("xml:") and (output.endswith("/") or count > 1):
        path = os.path.join(output[4:], name + ".xml") if output.endswith("/") else output[4:]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        ElementTree.ElementTree(as_xml(result.ends)).write(path)
    for reason in sorted({reason for _, reason in result.skipped}):
        print("skipped: %s" % reason)  # ctest's SKIP_REGULAR_EXPRESSION looks for it
    if result.testsRun == 0 and not result.skipped and count == 1:
        print("no test in %s" % folder, file=sys.stderr)
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

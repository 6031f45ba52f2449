"""What tests report and what they are to prove, as data: GoogleTest's XML files and statements.txt."""
import os
import re
from collections import namedtuple
from xml.etree import ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
STATEMENT = re.compile(r"(invariant|bug|property) (\d+)( not-built| shown)?: (.+)")
KINDS = ("invariant", "bug", "property")

# `mark`: "not-built", "shown" (no gap whatever it lacks), or "".
Statement = namedtuple("Statement", "kind number text mark")
# `end`: passed, failed, skipped, or disabled (it never ran). `cites`: {"invariant:11", ...}.
# `requests`: how many a suite that counts them had made when the test failed, or None; `faults`: of
# those that it draws the ones without which it would not have failed.
Result = namedtuple("Result", "program test end cites requests faults", defaults=(None, ()))


class Trouble(Exception):
    """Something that the reader of the message has to mend."""


def read_statements(path=os.path.join(HERE, "statements.txt")):
    """{"invariant:11": Statement}, in the file's order."""
    found = {}
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            match = STATEMENT.fullmatch(line)
            if not match:
                raise Trouble("%s:%d: not 'invariant|bug|property N [not-built|shown]: text': %s" % (
                    path, number, line))
            kind, which, mark, text = match.groups()
            if "%s:%s" % (kind, which) in found:
                raise Trouble("%s:%d: %s %s stands there twice" % (path, number, kind, which))
            found["%s:%s" % (kind, which)] = Statement(kind, int(which), text, (mark or "").strip())
    return found


def _end(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.get("status") == "notrun":
        return "disabled"
    if case.find("skipped") is not None or case.get("result") == "skipped":
        return "skipped"
    return "passed" if case.get("status") == "run" else "disabled"


def _result(program, case):
    cites, requests, faults = set(), None, ()
    for item in case.iter("property"):
        if item.get("name") == "cites":
            cites.update(item.get("value").split())
        elif item.get("name") == "requests_until_failure":
            requests = int(item.get("value"))
        elif item.get("name") == "faults":
            faults = tuple(item.get("value").split())
    suite, name = case.get("classname"), case.get("name")
    return Result(program, "%s.%s" % (suite, name), _end(case), frozenset(cites), requests, faults)


def read_results(folder, programs):
    """Results of all XML files in `folder` that one of these programs wrote: others are of programs
    that tests start, such as an example that leaks on purpose."""
    found = []
    for name in sorted(os.listdir(folder)):
        # GoogleTest calls the second run's file wire_example_test_1.xml.
        program = re.sub(r"_\d+$", "", name[:-4])
        if not name.endswith(".xml") or program not in programs:
            continue
        try:
            root = ElementTree.parse(os.path.join(folder, name)).getroot()
        except ElementTree.ParseError as error:
            raise Trouble("%s: not a whole report (%s)" % (os.path.join(folder, name), error))
        found += [_result(program, case) for case in root.iter("testcase")]
    return found

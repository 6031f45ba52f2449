#!/usr/bin/env python3
"""Checks what a compiler does not: layers, sizes, sleeps, words, files that no build knows.

    scripts/tidy.py               findings as path:line: rule: message; exit code 1 if there are any
    scripts/tidy.py --rule NAME   only this rule (repeatable)
    scripts/tidy.py --warnings    warnings too, which fail nothing
    scripts/tidy.py --root DIR    another checkout

The rules are in scripts/tidy_rules/, their must-fail examples in scripts/tests/tidy_test.py.
"""
import argparse
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from tidy_rules import RULES  # noqa: E402  (needs the path above)
from tidy_rules.source import read_tree  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.dirname(sys.path[0]))
    parser.add_argument("--rule", action="append", choices=sorted(RULES), help="only this rule")
    parser.add_argument("--warnings", action="store_true", help="show warnings too")
    arguments = parser.parse_args()

    tree = read_tree(arguments.root)
    if not tree.files:
        parser.error("no files under " + arguments.root)
    findings = [finding for name in arguments.rule or RULES for finding in RULES[name](tree)]
    errors = [finding for finding in findings if not finding.warning]
    for finding in sorted(findings if arguments.warnings else errors, key=lambda f: f[1:3]):
        print("%s:%d: %s%s: %s" % (finding.path, finding.line, finding.rule,
                                   " (warning)" if finding.warning else "", finding.message))
    print("tidy: %d files, %d findings, %d warnings" % (
        len(tree.files), len(errors), len(findings) - len(errors)))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
